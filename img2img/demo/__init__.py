"""A page that translates photos: models in the browser, larger pictures on this machine, or all of it as files."""

from img2img.demo.models import DemoModel, prepare
from img2img.demo.server import DemoServer, serve
from img2img.demo.site import page_files, write_site
from img2img.demo.uploads import Limits, Uploads

__all__ = ["DemoModel", "DemoServer", "Limits", "Uploads", "page_files", "prepare", "serve", "write_site"]
