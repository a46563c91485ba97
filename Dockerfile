# syntax=docker/dockerfile:1
# One static binary in an empty image, for linux/amd64 and linux/arm64:
#   docker build -t ruko .
#   docker buildx build --platform linux/amd64,linux/arm64 -t ruko .

# On Alpine Rust links against musl, and statically, so the binary needs nothing of the image it
# runs in. The build runs on the target's own architecture; there is no cross compiler to set up.
FROM rust:1.95-alpine AS build
# A C compiler for SQLite, zstd and mimalloc; cmake, perl and the kernel's headers for aws-lc.
RUN apk add --no-cache build-base cmake linux-headers perl
WORKDIR /src
# .cargo/config.toml comes along: it sets how SQLite is compiled.
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    cargo build --release --locked && cp target/release/ruko /ruko
# A binary that asks for a shared library would not start below: better to fail here.
RUN if readelf -d /ruko | grep NEEDED; then echo "the binary is not static" >&2; exit 1; fi
RUN mkdir -m 0700 /data

# Nothing but the binary and an empty folder for the data. There is no shell that somebody could
# use, and no system package that could grow old. ruko brings its time zones itself, looks up no
# users, and keeps temporary files in memory or below /data.
FROM scratch
COPY --from=build /ruko /ruko
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
ENV RUKO_DATA_DIR=/data \
    RUKO_HTTP_LISTEN=0.0.0.0:8000
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
# Without a shell there is no curl either, so the binary asks itself, as a client would: /readyz at
# the address of the settings above. A server that hangs does not answer within the limit. /readyz
# looks at no tenant's file on purpose: one damaged file must not take the other tenants' server down.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 CMD ["/ruko", "health"]
ENTRYPOINT ["/ruko"]
CMD ["serve"]
