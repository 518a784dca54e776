//! What a person sees of the login.

use std::{fs, io::ErrorKind, path::Path};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use axum::response::{IntoResponse, Response};
use runtime::StartError;

/// Nothing but what comes from here, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' \
    data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
    trusted-types 'none'";

/// What the console's own pages add to it: the preview below stands in a frame of theirs.
const FRAMES: &str = "; frame-src 'self'";

/// The preview's: it shows itself to the console alone, and reaches no server at all.
const PREVIEW: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    form-action 'none'; base-uri 'none'; frame-ancestors 'self'; require-trusted-types-for 'script'; \
    trusted-types 'none'";

/// Longer documents are another thing than a page that loads its scripts.
const MOST: u64 = 256 * 1024;

/// The console's pages as `npm run build` in services/bff/web writes them: one document, which finds out itself
/// what is at an address, and another that it frames. Their scripts and styles are served with the Messenger's.
pub(super) struct Built {
    console: Bytes,
    preview: Option<Bytes>,
}

impl Built {
    /// Of a directory that was built; `None` where it has no console.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn of(directory: &Path) -> Result<Option<Self>, StartError> {
        let Some(console) = document(&directory.join("console"))? else {
            return Ok(None);
        };
        let preview = document(&directory.join("preview"))?;
        Ok(Some(Self { console, preview }))
    }

    /// The console itself.
    pub fn page(&self) -> Response {
        let policy = format!("{POLICY}{FRAMES}");
        answer(&policy, self.console.clone())
    }

    /// The Messenger as customers would see it, for a frame of the console's; `None` where none was built.
    pub fn preview(&self) -> Option<Response> {
        self.preview
            .as_ref()
            .map(|page| answer(PREVIEW, page.clone()))
    }
}

fn answer(policy: &str, page: Bytes) -> Response {
    let mut headers = headers("text/html; charset=utf-8");
    if let Ok(policy) = HeaderValue::from_str(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    (headers, page).into_response()
}

/// The document of a directory, if it has one.
fn document(directory: &Path) -> Result<Option<Bytes>, StartError> {
    let path = directory.join("index.html");
    let wrong = |why: &str| {
        StartError::Config(format!(
            "the console's page {} cannot be served: {why}",
            path.display()
        ))
    };
    match fs::metadata(&path) {
        Ok(found) if found.len() > MOST => Err(wrong("it is longer than a page is")),
        Ok(_) => {
            let text = fs::read(&path).map_err(|error| wrong(&error.to_string()))?;
            Ok(Some(text.into()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(wrong(&error.to_string())),
    }
}

/// A page: a heading, and below it HTML in which everything that is not ours is escaped.
pub(super) fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let html = include_str!("../../console/page.html")
        .replace("{{title}}", &escape(title))
        .replace("{{body}}", body);
    (status, headers("text/html; charset=utf-8"), html).into_response()
}

/// A refusal as a page: what is the matter, and where to go on.
pub(super) fn refusal(status: StatusCode, title: &str, sentence: &str, again: &str) -> Response {
    let body = format!(
        "<p>{}</p><p><a class=\"button\" href=\"{}\">Try again</a></p>",
        escape(sentence),
        escape(again)
    );
    page(status, title, &body)
}

/// What every answer of the console says; none of them is kept.
pub(super) fn headers(kind: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let name = HeaderName::from_static;
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // a callback's address has a code in it
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (name("cross-origin-opener-policy"), "same-origin"),
        (name("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

/// As text between tags or in an attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_write_is_text_and_never_markup() {
        assert_eq!(
            escape("<img src=x onerror='a()' title=\"&\">"),
            "&lt;img src=x onerror=&#39;a()&#39; title=&quot;&amp;&quot;&gt;"
        );
    }
}
