//! An origin that may call from a browser, as a flag says it.

use std::str::FromStr;

use http::{HeaderValue, Uri};

/// A scheme, a host and perhaps a port, as browsers send them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct Origin {
    text: String,
    #[serde(skip)]
    header: HeaderValue,
}

impl Origin {
    pub(crate) fn header(&self) -> HeaderValue {
        self.header.clone()
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("{text:?} is not an origin; it is like https://app.example.com, without a path")
        };
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(wrong());
        };
        // a star, a path or a user would never equal what a browser sends
        let plain = format!("{scheme}://{authority}");
        let known = ["http", "https"].contains(&scheme);
        if !known || plain != text || text.contains(['*', '@']) || text != text.to_lowercase() {
            return Err(wrong());
        }
        Ok(Self {
            text: plain,
            header: HeaderValue::from_str(text).map_err(|_| wrong())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for right in ["https://app.example.com", "http://localhost:5173"] {
            assert_eq!(right.parse::<Origin>().unwrap().header(), right);
        }
        for wrong in [
            "",
            "*",
            "null",
            "app.example.com",
            "https://*.example.com",
            "https://app.example.com/",
            "https://App.example.com",
            "https://me@app.example.com",
            "ftp://app.example.com",
        ] {
            assert!(wrong.parse::<Origin>().is_err(), "{wrong}");
        }
    }
}
