//! Legal holds of objects in S3, which object_store has no function for. It signs the request.

use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use object_store::aws::AmazonS3;
use object_store::client::{HttpClient, HttpRequestBody};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use sha2::{Digest, Sha256};

use super::object_error::ObjectError;

/// How long a signature is valid. The request is sent at once.
const VALID: Duration = Duration::from_secs(300);

/// Sets and removes the legal holds of objects in one bucket.
#[derive(Clone)]
pub struct S3Holds {
    pub store: Arc<AmazonS3>,
    pub client: HttpClient,
}

impl S3Holds {
    pub async fn set(&self, path: &Path, is_held: bool) -> Result<(), ObjectError> {
        let status = if is_held { "ON" } else { "OFF" };
        let body = format!(
            "<LegalHold xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>{status}</Status></LegalHold>"
        );
        // S3 refuses the request without a checksum.
        let digest = BASE64_STANDARD.encode(Sha256::digest(&body));
        let digest = HeaderValue::from_str(&digest)
            .map_err(|error| ObjectError::Retry(format!("not a header: {error}")))?;
        let headers = [
            (HeaderName::from_static("x-amz-checksum-sha256"), digest),
            (
                HeaderName::from_static("x-amz-sdk-checksum-algorithm"),
                HeaderValue::from_static("SHA256"),
            ),
        ];
        let mut options = SignedUrlOptions::default().with_query([("legal-hold", "")]);
        for (name, value) in headers.clone() {
            options = options.with_signed_header(name, value);
        }
        let signed = self.store.signed_url_opts(Method::PUT, path, VALID, &options);
        let mut request = Request::put(signed.await?.as_str());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(HttpRequestBody::from(body.into_bytes()));
        let request = request.map_err(|error| ObjectError::Retry(format!("not a request: {error}")))?;
        let failed = |error: &dyn std::error::Error| ObjectError::Retry(format!("the store failed: {error}"));
        let response = self
            .client
            .execute(request)
            .await
            .map_err(|error| failed(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let text = response
            .into_body()
            .bytes()
            .await
            .map_err(|error| failed(&error))?;
        Err(refused(status, &String::from_utf8_lossy(&text)))
    }
}

fn refused(status: StatusCode, text: &str) -> ObjectError {
    let detail = super::object_error::one_line(text);
    match status {
        // 405: there is only the marker that a deletion left.
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            ObjectError::NotFound(format!("the store does not find it: {detail}"))
        }
        StatusCode::FORBIDDEN => {
            ObjectError::Retry(format!("the store refuses to hold the object: {detail}"))
        }
        _ => ObjectError::Retry(format!(
            "the store cannot hold the object, which needs a bucket with object lock: {status}: {detail}"
        )),
    }
}
