//! Pages of MediaWiki: which targets are page views, which of these MediaWiki purges, and which
//! `index.php?title=T` is nothing but the page T.
//!
//! MediaWiki purges a page's article path, its history and, for site and user configuration, its raw
//! text, each in one spelling (`HtmlCacheUpdater::getUrls`). Every other view of a page it lets caches
//! keep for an hour and never purges.

use super::Spelling;
use super::path::{Unit, push, settled};
use super::query::decoded;
use super::tables::{TITLE, WRITTEN_TITLE};

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A page, by its article path.
    Article,
    /// The script that shows pages.
    Index,
    /// What a web server may take for that script: a directory in which it lies, or to which pages
    /// seem to belong.
    Directory,
    /// A page by a path that MediaWiki never writes, or what servers read in more ways than one.
    Byway,
    /// Something else.
    Elsewhere,
}

impl Place {
    /// The place of `path`, which is spelled; `odd` where it may have segments that are none.
    pub(super) fn of(path: &str, odd: bool, policy: &Spelling) -> Self {
        let index = &*policy.index_path;
        if path == index {
            return Self::Index;
        }
        let Some(pages) = policy.article_path.as_deref() else { return Self::Elsewhere };
        if odd && path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Self::Byway;
        }
        if policy.rest_paths.iter().any(|rest| path.starts_with(&**rest)) {
            return Self::Elsewhere;
        }
        // MediaWiki takes what stands behind its script for the title.
        if path.strip_prefix(index).is_some_and(|rest| rest.starts_with('/')) {
            return Self::Byway;
        }
        let directory = path.ends_with('/') && (path == "/" || path == directory(index));
        if directory || pages.strip_suffix('/') == Some(path) {
            return Self::Directory;
        }
        if path.starts_with(pages) && !is_script(path, pages, index) {
            return Self::Article;
        }
        // MediaWiki, and servers before it, take several slashes for one.
        if odd && path.contains("//") { Self::Byway } else { Self::Elsewhere }
    }

    /// Whether MediaWiki purges what is there with this query, if it is a page at all.
    pub(super) fn is_canonical(self, query: Option<&str>, policy: &Spelling) -> bool {
        match self {
            Self::Index if policy.article_path.is_none() => true,
            Self::Index => query.is_some_and(is_purged),
            Self::Article | Self::Directory => query.is_none(),
            Self::Byway => false,
            Self::Elsewhere => true,
        }
    }
}

/// Up to the last slash.
fn directory(index: &str) -> &str {
    index.rfind('/').map_or("", |slash| &index[..=slash])
}

/// Whether `path`, which lies below the article path, is a script's: where all pages lie in the root,
/// so do the scripts.
fn is_script(path: &str, pages: &str, index: &str) -> bool {
    let scripts = directory(index);
    let among = scripts.len() > pages.len() && path.starts_with(scripts);
    index.starts_with(pages) && (among || path.ends_with(".php"))
}

/// Whether MediaWiki purges its index path with this query.
fn is_purged(query: &str) -> bool {
    let query = query.strip_prefix("title=");
    let Some((title, asked)) = query.and_then(|query| query.split_once('&')) else { return false };
    let purged = [
        "action=history",
        "action=raw&ctype=text/javascript",
        "action=raw&ctype=application/json",
        "action=raw&ctype=text/css",
    ];
    purged.contains(&asked) && is_mediawikis_own(title)
}

/// Whether a title is written in a query as MediaWiki writes it, with underscores for blanks.
fn is_mediawikis_own(title: &str) -> bool {
    let settled = settled(title.as_bytes(), &WRITTEN_TITLE, false);
    settled == title.len() && settled > 0 && !title.contains("%20")
}

/// The article path of the page that `query`, on the index path, asks for, where it asks for nothing
/// else and MediaWiki shows that page at both: otherwise `None`. The title comes out as
/// [`spell`](super::path::spell) would leave it.
pub(super) fn fold(query: &str, policy: &Spelling) -> Option<String> {
    let pages = policy.article_path.as_deref()?;
    // Where scripts lie among the pages, a title could name one.
    if policy.index_path.starts_with(pages) || query.contains('&') {
        return None;
    }
    let (name, title) = query.split_once('=')?;
    if !decoded(name).eq(*b"title") {
        return None;
    }
    let blank = |byte| if byte == b' ' { b'_' } else { byte };
    let title: Vec<u8> = decoded(title).map(blank).take(MAX_TITLE + 1).collect();
    if !is_title(&title) {
        return None;
    }
    let mut path = String::with_capacity(pages.len() + 3 * title.len());
    path.push_str(pages);
    title.iter().for_each(|byte| push(&mut path, Unit { byte: *byte, escaped: true }, &TITLE));
    Some(path)
}

/// The longest title that MediaWiki takes, in bytes: that of a special page.
const MAX_TITLE: usize = 512;

/// Whether a title is beyond doubt: made of what MediaWiki lets titles be made of
/// (`$wgLegalTitleChars`), with nothing that it would cut off or take for something else before it
/// looks for the page. A first letter in lower case may stay: to both paths the answer is the same.
fn is_title(title: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(title) else {
        // In a query, and only there, it may be in a wiki's older encoding.
        return false;
    };
    let illegal = |byte: u8| byte.is_ascii_control() || b"#<>[]{}|".contains(&byte);
    (1..=MAX_TITLE).contains(&title.len())
        && !title.iter().any(|byte| illegal(*byte))
        && !text.starts_with(['_', ':'])
        && !text.ends_with('_')
        && !text.contains("__")
        && !text.split('/').any(|part| matches!(part, "." | ".."))
}
