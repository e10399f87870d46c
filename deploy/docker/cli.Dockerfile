# Image of the cli. Build from the top of the repository:
#   docker build -f deploy/docker/cli.Dockerfile -t headgate/cli .
ARG NODE_IMAGE=node:26-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY . .
# No package of this workspace needs an install script.
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
RUN node deploy/docker/bundle-main.ts cli /out

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="headgate-cli" \
      org.opencontainers.image.description="The headgate operator command" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /out /app
USER 1000:1000
STOPSIGNAL SIGTERM
# A command that ends; nothing to watch.
HEALTHCHECK NONE
ENTRYPOINT ["node", "/app/main.js"]
CMD ["--help"]
