//! The default of a site's `unkeyed_fields`.

/// Fields by which applications let themselves be told another host, scheme, path, method or client.
pub(super) const UNKEYED: &str = "[\"Forwarded\", \"X-Forwarded-Host\", \"X-Forwarded-Server\", \
    \"X-Forwarded-Port\", \"X-Forwarded-Scheme\", \"X-Forwarded-Prefix\", \"X-Forwarded-Path\", \
    \"X-Forwarded-SSL\", \"X-Forwarded-Uri\", \"X-Forwarded-Method\", \"Front-End-Https\", \
    \"X-Scheme\", \"X-Url-Scheme\", \"X-Host\", \"X-HTTP-Host-Override\", \"X-Original-Host\", \
    \"X-Original-URL\", \"X-Rewrite-URL\", \"X-HTTP-Method\", \"X-HTTP-Method-Override\", \
    \"X-Method-Override\", \"X-Real-IP\", \"True-Client-IP\", \"X-Cluster-Client-IP\", \"Client-IP\", \
    \"X-Forwarded\", \"X-Forwarded-Protocol\", \"X-Backend-Host\", \"X-Originating-IP\", \
    \"X-Remote-IP\", \"X-Remote-Addr\", \"CF-Connecting-IP\", \"Fastly-Client-IP\", \"Proxy\"]";
