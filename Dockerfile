# docker build -t img2img .
# docker run --rm --network none --user "$(id -u)" -v "$PWD:/work" img2img infer --weights derain --input photos --output dry
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY img2img img2img
COPY configs configs
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
COPY constraints.txt /tmp/constraints.txt
# torch for CPUs alone: the wheels of PyPI bring gigabytes of GPU libraries
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu "$(grep '^torch==' /tmp/constraints.txt)"
COPY --from=build /wheels /tmp/wheels
RUN pip install --no-cache-dir --constraint /tmp/constraints.txt /tmp/wheels/*.whl \
    && rm -r /tmp/wheels /tmp/constraints.txt \
    && useradd --create-home user
# for any --user: matplotlib keeps a font list
ENV MPLCONFIGDIR=/tmp/matplotlib
USER user
WORKDIR /work
ENTRYPOINT ["img2img"]
CMD ["--help"]
