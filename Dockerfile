# The image of a box. Each step is a script that tests/system/test_install.py runs.
#   docker build --tag drimbox .
#   docker run --volume ./etc:/etc/drimbox:ro --volume drimbox:/var/lib/drimbox drimbox
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN scripts/install /opt/drimbox

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /var/lib/drimbox --create-home drimbox
COPY --from=build /opt/drimbox /opt/drimbox
COPY scripts/container /opt/drimbox/container
ENV PATH=/opt/drimbox/bin:$PATH PYTHONDONTWRITEBYTECODE=1 MALLOC_ARENA_MAX=2
USER drimbox
WORKDIR /var/lib/drimbox
VOLUME /var/lib/drimbox
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=30s --interval=15s --timeout=6s CMD ["/opt/drimbox/container/healthcheck"]
ENTRYPOINT ["/opt/drimbox/container/entrypoint"]
