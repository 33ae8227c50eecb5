# A static binary and the certificates to check receivers by; nothing else, and nobody else than 65532.
FROM golang:1.26.11-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN make build VERSION="$VERSION"

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /src/bin/carteiro /carteiro
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/carteiro"]
CMD ["serve"]
