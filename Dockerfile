# The program and nothing else. Build it first, for the platform of the image:
#
#   RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --locked --target x86_64-unknown-linux-gnu
#   docker build --tag plumbline .
#
# With --target given, the flag holds for the program alone and not for build scripts and macros.
FROM scratch
ARG BINARY=target/x86_64-unknown-linux-gnu/release/plumbline
COPY --chmod=0555 ${BINARY} /plumbline
USER 65532:65532
EXPOSE 8443 8080
ENTRYPOINT ["/plumbline"]
CMD ["serve"]
