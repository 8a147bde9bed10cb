# Two images from one file; the last stage is what `docker build .` makes.
#
#   docker build -t postern .                   one proxy of a fleet: the binary alone
#   docker build -t postern-dev --target dev .  everything on one machine, with PostgreSQL
#
# No image can be built where Postern's tests run; scripts/dockerfile_test.go
# checks this file's text only.

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -o /postern ./cmd/postern

FROM debian:bookworm-slim AS dev
# The package's own cluster is not wanted: Postern makes one per tenant.
RUN mkdir -p /etc/postgresql-common \
 && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold postgresql \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o postgres -g postgres -m 0700 /var/lib/postern
COPY --from=build /postern /usr/local/bin/postern
ENV POSTERN_DATA_DIR=/var/lib/postern
VOLUME /var/lib/postern
EXPOSE 6432 6480
USER postgres
# Postern drains, suspends every tenant and stops its catalog; give it time.
STOPSIGNAL SIGTERM
ENTRYPOINT ["postern"]
CMD ["dev", "--listen", "0.0.0.0:6432", "--http", "0.0.0.0:6480"]

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /postern /postern
EXPOSE 6432 6480
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
STOPSIGNAL SIGTERM
ENTRYPOINT ["/postern"]
CMD ["serve", "--config", "/etc/postern/postern.toml"]
