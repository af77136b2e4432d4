# Two wikis behind Varnish. Words in capitals are values of the run.
vcl 4.1;

import proxy;
import std;

backend wiki { .host = "127.0.0.1"; .port = "ORIGIN"; .first_byte_timeout = 60s; }

acl purgers { "127.0.0.1"; }

# One spelling of a path, as MediaWiki writes it: what needs no encoding is decoded, `;` is not, and
# hexadecimal digits are upper-case.
C{
#include <stdlib.h>
#include <string.h>

static const char HEX[] = "0123456789ABCDEF";

static int digit(char c) {
    const char *at = c == '\0' ? NULL : strchr(HEX, c >= 'a' && c <= 'f' ? c - 32 : c);
    return at == NULL ? -1 : at - HEX;
}

static void spell(VRT_CTX) {
    const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~:/@!$()*,";
    const char *from = VRT_r_req_url(ctx);
    char *spelled = from == NULL ? NULL : malloc(3 * strlen(from) + 1), *to = spelled;
    if (spelled == NULL)
        return;
    while (*from != '\0' && *from != '?') {
        unsigned char byte = *from++;
        int coded = byte == '%' && digit(from[0]) >= 0 && digit(from[1]) >= 0;
        if (coded) {
            byte = digit(from[0]) << 4 | digit(from[1]);
            from += 2;
        }
        if (byte == ';' || byte < 33 || byte > 126 || (coded && strchr(plain, byte) == NULL)) {
            *to++ = '%';
            *to++ = HEX[byte >> 4];
            *to++ = HEX[byte & 15];
        } else
            *to++ = byte;
    }
    strcpy(to, from);
    VRT_l_req_url(ctx, NULL, TOSTRANDS(1, spelled));
    free(spelled);
}
}C

sub vcl_recv {
    set req.http.Host = regsub(std.tolower(req.http.Host), "\.?(:[0-9]+)?$", "");
    unset req.http.X-Forwarded-Proto;
    if (proxy.is_ssl()) {
        set req.http.X-Forwarded-Proto = "https";
    } else {
        set req.http.X-Forwarded-Proto = "http";
    }
    unset req.http.X-Forwarded-Host;
    unset req.http.X-Original-URL;
    unset req.http.X-Rewrite-URL;
    unset req.http.Forwarded;

    if (req.http.Host == "media.wiki.test") {
        set req.url = regsub(req.url, "\?.*$", "");
        C{ spell(ctx); }C
        if (req.method != "GET" && req.method != "HEAD" && req.method != "PURGE") {
            return (synth(405));
        }
        unset req.http.Cookie;
    }
    set req.url = regsuball(req.url, "([?&])(utm_[a-z]+|fbclid|gclid|msclkid|wprov)=[^&]*", "\1");
    set req.url = regsuball(regsuball(req.url, "([?&])&+", "\1"), "[?&]+$", "");
    set req.url = std.querysort(req.url);
    if (req.url ~ "^/w/index\.php\?title=[^&]+$") {
        set req.url = "/wiki/" + regsuball(regsub(req.url, "^[^=]+=", ""), "\+|%20", "_");
    }
    if (req.url ~ "^/wiki/") {
        C{ spell(ctx); }C
    }

    if (req.method == "PURGE") {
        if (client.ip !~ purgers) {
            return (synth(405));
        }
        return (purge);
    }
    if (req.method != "GET" && req.method != "HEAD") {
        return (pass);
    }
    if (req.http.Authorization) {
        return (pass);
    }

    # Readers share; editors share what does not depend on who they are.
    if (req.http.Cookie ~ "([sS]ession|Token)=") {
        set req.http.X-Cookie = req.http.Cookie;
        set req.http.Cookie = "Token=1";
    } else {
        unset req.http.X-Cookie;
        unset req.http.Cookie;
    }
    return (hash);
}

sub vcl_hash {
    hash_data(req.url);
    hash_data(req.http.Host);
    return (lookup);
}

sub vcl_backend_fetch {
    if (bereq.http.X-Cookie) {
        set bereq.http.Cookie = bereq.http.X-Cookie;
        unset bereq.http.X-Cookie;
    }
}

sub vcl_backend_response {
    # An error is nobody's page, and no reason to store none for a while.
    if (beresp.status >= 500) {
        if (bereq.is_bgfetch) {
            return (abandon);
        }
        set beresp.ttl = 0s;
        set beresp.grace = 0s;
        set beresp.keep = 0s;
        return (deliver);
    }
    if (bereq.http.Cookie ~ "([sS]ession|Token)=" && beresp.http.Vary ~ "(?i)cookie") {
        return (pass(10m));
    }
    # What names no lifetime may be about whoever asked: Special:MyPage is.
    if (beresp.ttl <= 0s || beresp.http.Set-Cookie || beresp.http.Cache-Control !~ "(?i)max-?age=" || beresp.http.Cache-Control ~ "(?i)private|no-cache|no-store") {
        # The next one is asked for alone, and stored if it may be.
        set beresp.uncacheable = true;
        set beresp.ttl = 2m;
        return (deliver);
    }
    if (beresp.ttl > 1d) {
        set beresp.ttl = 1d;
    }
    if (beresp.status == 404 && beresp.ttl > 10m) {
        set beresp.ttl = 10m;
    }
    # What is never purged.
    if (bereq.url ~ "^/(wiki/.*\?|w/index\.php)" && bereq.url !~ "^/w/index\.php\?action=history&title=[^&]+$" && beresp.ttl > 1m) {
        set beresp.ttl = 1m;
    }
    set beresp.ttl = beresp.ttl * std.random(0.95, 1.0);
    set beresp.grace = 20m;
    set beresp.keep = 1d;
    return (deliver);
}

sub vcl_deliver {
    if (obj.hits > 0) {
        set resp.http.X-Cache = "hit/" + obj.hits;
    } else {
        set resp.http.X-Cache = "miss";
    }
    if (req.url ~ "^/(wiki/|w/index\.php)" && resp.http.Cache-Control ~ "s-maxage") {
        set resp.http.Cache-Control = "private, s-maxage=0, max-age=0, must-revalidate";
    }
    unset resp.http.Via;
    unset resp.http.X-Varnish;
    unset resp.http.X-Powered-By;
}
