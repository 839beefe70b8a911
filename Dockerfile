# One image for every role: memoir serve (the default), and on PostgreSQL memoir api, memoir worker and memoir migrate.
# tests/deploy/image.sh follows these steps in a fresh root file system, so it understands only the instructions used here.

FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0-noble AS build
ARG TARGETARCH
WORKDIR /source
COPY Directory.Build.props Directory.Build.targets Directory.Packages.props global.json .editorconfig BannedSymbols.txt ./
COPY src/Memoir.Kit/Memoir.Kit.csproj src/Memoir.Kit/
COPY src/Memoir.Server/Memoir.Server.csproj src/Memoir.Server/
RUN dotnet restore src/Memoir.Server -a $TARGETARCH -p:PublishReadyToRun=true
COPY src src
RUN dotnet publish src/Memoir.Server -c Release -a $TARGETARCH --no-restore --self-contained false -p:PublishReadyToRun=true -o /app

FROM mcr.microsoft.com/dotnet/aspnet:10.0.12-noble
# The distribution's SQLite gets the distribution's patches; the bundled one is only for machines that have none.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libsqlite3-0 \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -m 0700 -o 1654 -g 1654 /data \
    && ln -s /app/Memoir.Server /usr/local/bin/memoir
COPY --from=build /app /app
COPY LICENSE /app/
COPY --chmod=0755 deploy/bin /usr/local/bin
# The base image would have every ASP.NET program listen on 8080, which comes before MEMORY_PORT.
ENV ASPNETCORE_HTTP_PORTS= \
    MEMORY_DATA_DIRECTORY=/data \
    MEMORY_HOST=0.0.0.0 \
    MEMORY_PORT=8000
# A number, so that an engine that must not start root can see that this is not root.
USER 1654:1654
WORKDIR /app
VOLUME ["/data"]
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["memoir", "healthcheck"]
ENTRYPOINT ["memoir"]
CMD ["serve"]
