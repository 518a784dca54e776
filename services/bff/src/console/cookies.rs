//! The console's two cookies. Browsers keep the prefix `__Host-` to what comes over TLS from this very host, so
//! nobody beside or below it can plant one; over plain http, which is for this machine only, they refuse it, and
//! the names go without.

use std::fmt::Write;

use http::{HeaderMap, HeaderValue, header};

use super::pending;

/// A console session's token is kept this long at the most, in seconds: as long as Settings keeps it.
const SESSION: i64 = 24 * 3_600;

/// Names and flags.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cookies {
    secure: bool,
}

impl Cookies {
    /// For a console at this address.
    pub fn of(origin: &str) -> Self {
        Self {
            secure: origin.starts_with("https://"),
        }
    }

    fn session_name(self) -> &'static str {
        match self.secure {
            true => "__Host-msgr_console",
            false => "msgr_console",
        }
    }

    fn login_name(self) -> &'static str {
        match self.secure {
            true => "__Host-msgr_login",
            false => "msgr_login",
        }
    }

    /// The console token that the browser has.
    pub fn session(self, headers: &HeaderMap) -> Option<&str> {
        read(headers, self.session_name())
    }

    /// The login that the browser has begun.
    pub fn login(self, headers: &HeaderMap) -> Option<&str> {
        read(headers, self.login_name())
    }

    /// Keeps a console token.
    pub fn keep_session(self, token: &str) -> HeaderValue {
        self.value(self.session_name(), token, SESSION)
    }

    /// Keeps a login that has begun.
    pub fn keep_login(self, sealed: &str) -> HeaderValue {
        self.value(self.login_name(), sealed, pending::LIFETIME)
    }

    /// Forgets the console token.
    pub fn forget_session(self) -> HeaderValue {
        self.value(self.session_name(), "", 0)
    }

    /// Forgets the login.
    pub fn forget_login(self) -> HeaderValue {
        self.value(self.login_name(), "", 0)
    }

    fn value(self, name: &str, value: &str, seconds: i64) -> HeaderValue {
        // Lax: a provider sends the browser back by a link, and that must carry the login
        let mut text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax");
        if self.secure {
            // writing to a String cannot fail
            let _ = write!(text, "; Secure");
        }
        // tokens and base64 alone: this cannot fail, and without a value nobody is logged in
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
    }
}

/// The cookie of this name. Of two, none: one of them is planted, and nobody knows which.
fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut found = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(one, _)| *one == name)
        .map(|(_, value)| value);
    found
        .next()
        .filter(|value| !value.is_empty() && found.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_tls_the_console_cookie_is_of_this_host_alone_and_no_script_reads_it() {
        let cookies = Cookies::of("https://console.example.com");
        assert_eq!(
            cookies.keep_session("msgr_con_x"),
            "__Host-msgr_console=msgr_con_x; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            cookies.keep_login("x.y"),
            "__Host-msgr_login=x.y; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            cookies.forget_session(),
            "__Host-msgr_console=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"
        );
    }

    #[test]
    fn on_this_machine_a_browser_takes_the_cookie_without_tls() {
        let cookies = Cookies::of("http://127.0.0.1:7100");
        assert_eq!(
            cookies.keep_session("msgr_con_x"),
            "msgr_console=msgr_con_x; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn a_cookie_that_is_there_twice_counts_for_nothing() {
        let cookies = Cookies::of("https://console.example.com");
        let read = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, line.parse().unwrap());
            }
            cookies.session(&headers).map(str::to_owned)
        };
        let good = "a=b; __Host-msgr_console=x; c=d";
        assert_eq!(read(&[good]).as_deref(), Some("x"));
        assert_eq!(read(&[good, "__Host-msgr_console=y"]), None);
        assert_eq!(read(&["msgr_console=x; __Host-msgr_console="]), None);
        assert_eq!(read(&[]), None);
    }
}
