//! The pre-shared token: checked on the headers of every call, before its body is read.

use subtle::ConstantTimeEq;
use tonic::Status;
use tonic::codegen::http::HeaderMap;

/// Checks tokens; without one everybody is let in.
pub struct Authenticator {
    expected: Option<String>,
}

impl Authenticator {
    pub fn new(token: Option<&str>) -> Self {
        Authenticator { expected: token.map(|t| format!("Bearer {t}")) }
    }

    pub fn check(&self, headers: &HeaderMap) -> Result<(), Status> {
        let Some(expected) = &self.expected else { return Ok(()) };
        match headers.get("authorization") {
            None => Err(Status::unauthenticated("No authentication token provided")),
            Some(given) if bool::from(given.as_bytes().ct_eq(expected.as_bytes())) => Ok(()),
            Some(_) => Err(Status::unauthenticated("Invalid authentication token")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_is_let_in() -> Result<(), Box<dyn std::error::Error>> {
        let lock = Authenticator::new(Some("secret"));
        let mut headers = HeaderMap::new();
        assert!(lock.check(&headers).is_err());
        assert!(Authenticator::new(None).check(&headers).is_ok());
        headers.insert("authorization", "Bearer secre".parse()?);
        assert!(lock.check(&headers).is_err());
        headers.insert("authorization", "Bearer secret".parse()?);
        assert!(lock.check(&headers).is_ok());
        Ok(())
    }
}
