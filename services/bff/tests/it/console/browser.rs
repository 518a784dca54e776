//! As much of a browser as a login needs: cookies, and addresses that it is sent to.

use std::{collections::BTreeMap, net::SocketAddr};

use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

type Http = Client<HttpConnector, Full<axum::body::Bytes>>;

/// A browser that looks at the console of one address.
#[derive(Clone)]
pub struct Browser {
    http: Http,
    address: SocketAddr,
    pub cookies: BTreeMap<String, String>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: axum::http::HeaderMap,
    pub body: String,
}

impl Answer {
    /// What a call was answered.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// The line that sets a cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let lines = self.headers.get_all("set-cookie").iter();
        lines
            .map(|line| line.to_str().unwrap())
            .find(|line| line.starts_with(&format!("{name}=")))
    }
}

impl Browser {
    pub fn at(address: SocketAddr) -> Self {
        Self {
            http: Client::builder(TokioExecutor::new()).build(HttpConnector::new()),
            address,
            cookies: BTreeMap::new(),
        }
    }

    /// The same browser with the same cookies, at another replica.
    pub fn moved_to(&self, address: SocketAddr) -> Self {
        Self {
            address,
            ..self.clone()
        }
    }

    /// Of this console, whatever its address in front is: a path, or where it was sent to.
    pub async fn get(&mut self, place: &str) -> Answer {
        self.send("GET", place, &[]).await
    }

    /// As the button does.
    pub async fn log_out(&mut self) -> Answer {
        self.log_out_from("https://console.example.com").await
    }

    /// The same, at a console that is not behind another address.
    pub async fn log_out_at(&mut self, address: SocketAddr) -> Answer {
        self.log_out_from(&format!("http://{address}")).await
    }

    async fn log_out_from(&mut self, origin: &str) -> Answer {
        let headers = [("origin", origin), ("content-type", "application/json")];
        self.send("POST", "/console/logout", &headers).await
    }

    /// As a form does.
    pub async fn submit(&mut self, place: &str, form: &str) -> Answer {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.exchange("POST", place, &headers, form).await
    }

    /// As the console's own pages call: Connect, in JSON, from their origin.
    pub async fn call(&mut self, rpc: &str, json: serde_json::Value) -> Answer {
        let origin = format!("http://{}", self.address);
        let headers = [
            ("origin", origin.as_str()),
            ("content-type", "application/json"),
        ];
        let place = format!("/messenger.bff.v1.ConsoleService/{rpc}");
        self.exchange("POST", &place, &headers, &json.to_string())
            .await
    }

    pub async fn send(&mut self, method: &str, place: &str, headers: &[(&str, &str)]) -> Answer {
        let body = if method == "GET" { "" } else { "{}" };
        self.exchange(method, place, headers, body).await
    }

    async fn exchange(
        &mut self,
        method: &str,
        place: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let path = match place.starts_with('/') {
            true => place,
            false => {
                let rest = place.split_once("://").unwrap().1;
                &rest[rest.find('/').unwrap()..]
            }
        };
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = axum::http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address));
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body.to_owned())).unwrap();
        let (head, body) = self.http.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        for line in head.headers.get_all("set-cookie") {
            let (pair, flags) = line.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if flags.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.into(), value.into());
            }
        }
        Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }
}
