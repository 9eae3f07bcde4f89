"""The data doctor: what is wrong with a data set, before anything is trained on it."""

from img2img.doctor.examine import check_scenes_file, examine, quick, write_scenes
from img2img.doctor.findings import Diagnosis, as_json, as_text
from img2img.doctor.threads import cores

__all__ = ["Diagnosis", "as_json", "as_text", "check_scenes_file", "cores", "examine", "quick", "write_scenes"]
