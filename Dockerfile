# The program and nothing else. `make image-check` builds and checks it; then, for the platform of the image:
#
#   docker build --tag plumbline .
#
# The binary names its crates (cargo-auditable), so `cargo audit bin` and image scanners can read its bill of materials.
FROM scratch
ARG BINARY=target/x86_64-unknown-linux-gnu/release/plumbline
COPY --chmod=0555 ${BINARY} /plumbline
USER 65532:65532
EXPOSE 8443 8080
ENTRYPOINT ["/plumbline"]
CMD ["serve"]
