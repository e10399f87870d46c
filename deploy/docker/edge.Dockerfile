# Image of the edge. Build from the top of the repository:
#   docker build -f deploy/docker/edge.Dockerfile -t headgate/edge .
ARG NODE_IMAGE=node:26-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY . .
# No package of this workspace needs an install script.
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
RUN node deploy/docker/bundle-main.ts edge /out

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="headgate-edge" \
      org.opencontainers.image.description="Headgate edge: gateway node" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /out /app
COPY deploy/docker/healthcheck.mjs /app/healthcheck.mjs
RUN install -d -o 1000 -g 1000 /var/lib/headgate
USER 1000:1000
ENV HEADGATE_DATA_DIR=/var/lib/headgate \
    HEADGATE_ADMIN_LISTEN=0.0.0.0:9090 \
    HEADGATE_EDGE_LISTEN=0.0.0.0:8080
EXPOSE 8080 8443 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 \
    CMD ["node", "/app/healthcheck.mjs"]
ENTRYPOINT ["node", "--enable-source-maps", "/app/main.js"]
