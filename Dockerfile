# docker build -t img2img --build-arg TORCH_INDEX=URL .
# docker run --rm --network none --user "$(id -u)" -v "$PWD:/pictures" img2img infer --weights derain --input photos --output dry
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY img2img img2img
COPY configs configs
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
COPY constraints.txt /tmp/constraints.txt
# the index of PyTorch's wheels for CPUs alone; without it torch may bring gigabytes of GPU libraries
ARG TORCH_INDEX=""
RUN pip install --no-cache-dir ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$(grep '^torch==' /tmp/constraints.txt)"
COPY --from=build /wheels /tmp/wheels
RUN pip install --no-cache-dir --constraint /tmp/constraints.txt /tmp/wheels/*.whl \
    && rm -r /tmp/wheels /tmp/constraints.txt \
    && useradd --create-home --uid 1000 user
# for any --user: matplotlib keeps a font list
ENV MPLCONFIGDIR=/tmp/matplotlib
USER 1000
WORKDIR /pictures
ENTRYPOINT ["img2img"]
CMD ["--help"]
