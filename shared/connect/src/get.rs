//! A call by GET: the message is in the query. Credentials never are.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use tonic::Code;

use crate::{Parameters, Shared, codec::Codec, error::Refusal};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The query of a call.
pub(crate) struct Query(Parameters);

impl Query {
    pub(crate) fn of(query: &str) -> Self {
        let mut parameters = Parameters::new();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(&value.replace('+', " ")).collect();
            parameters.entry(name.to_owned()).or_insert(value);
        }
        Self(parameters)
    }

    fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(Vec::as_slice)
    }

    pub(crate) fn codec(&self) -> Option<Codec> {
        Codec::of(self.get("encoding")?)
    }

    pub(crate) fn version(&self) -> Option<&[u8]> {
        self.get("connect")
    }

    pub(crate) fn compression(&self) -> Option<&[u8]> {
        self.get("compression")
    }

    pub(crate) fn message(&self, shared: &Shared) -> Result<Bytes, Refusal> {
        let malformed = |why| shared.refuse(Code::InvalidArgument, "MALFORMED_REQUEST", why);
        let given = self
            .get("message")
            .ok_or_else(|| malformed("the query has no `message`"))?;
        if given.len() > shared.largest {
            return Err(shared.too_large());
        }
        match self.get("base64") {
            Some(b"1") => BASE64
                .decode(given)
                .map(Bytes::from)
                .map_err(|_| malformed("the query's `message` is not URL-safe base64")),
            _ => Ok(Bytes::copy_from_slice(given)),
        }
    }
}
