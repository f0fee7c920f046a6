//! The configuration keys of uploads.

use callrec_core::config_keys;
use callrec_core::keys::checks::{checked_by, choice, number, text};
use callrec_core::keys::{KeyDescription, set_key};
use callrec_core::storage::{Placeholders, Template};
use callrec_core::types::{Error, Result, Status};

use super::location::{StoreLocation, StoreScheme};
use super::secret::{Secret, SecretText};

/// How an uploaded object is compared with the local file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// By its size and the digest in its metadata.
    Metadata,
    /// By reading it back.
    Content,
}

/// The mode of an object lock, as S3 names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    None,
    Governance,
    Compliance,
}

/// Encryption by the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// As the bucket is configured.
    Default,
    Aes256,
    Kms,
}

const LOCK_MODES: [(&str, LockMode); 3] = [
    ("", LockMode::None),
    ("GOVERNANCE", LockMode::Governance),
    ("COMPLIANCE", LockMode::Compliance),
];
const ENCRYPTIONS: [(&str, Encryption); 3] = [
    ("", Encryption::Default),
    ("AES256", Encryption::Aes256),
    ("aws:kms", Encryption::Kms),
];

config_keys! {
    /// The keys that begin with `upload`.
    pub struct UploadSettings {
        "upload.url" = "" => location: Option<StoreLocation>, checked_by(location),
            "Where finished recordings are uploaded to: s3://bucket/prefix, gs://bucket/prefix, az://container/prefix, or file:///directory. Empty: nowhere. Needs a build with the feature \"upload\".";
        "upload.key" = "" => key: String, text(0..=500),
            "Template of an object's key without its extension, at most {most} bytes, with the placeholders of storage.name. Empty: the path of the file below storage.directory.",
            provided UploadSettings::check_key;
        "upload.endpoint" = "" => endpoint: String, checked_by(endpoint),
            "URL of a compatible store, http:// or https://. Empty: that of Amazon, Google or Azure.";
        "upload.region" = "" => region: String, text(0..=100),
            "Region of an S3 bucket. Empty: the environment's AWS_REGION, or us-east-1.";
        "upload.access_key_id" = "" => access_key_id: String, text(0..=200),
            "Access key ID for S3. Empty: that of the environment (AWS_ACCESS_KEY_ID) or of the machine.";
        "upload.secret_access_key" = "" => secret_access_key: Secret, SecretText,
            "Secret access key for S3, at most {most} bytes. It is never logged.";
        "upload.session_token" = "" => session_token: Secret, SecretText,
            "Session token for S3, at most {most} bytes. It is never logged.";
        "upload.google_credentials" = "" => google_credentials: String, text(0..=3000),
            "Path of the JSON file with the key of a Google service account. Empty: that of the environment (GOOGLE_SERVICE_ACCOUNT) or of the machine.";
        "upload.azure_account" = "" => azure_account: String, text(0..=200),
            "Name of the Azure storage account. Empty: that of the environment (AZURE_STORAGE_ACCOUNT_NAME).";
        "upload.azure_access_key" = "" => azure_access_key: Secret, SecretText,
            "Access key of the Azure storage account, at most {most} bytes. It is never logged. Empty: that of the environment (AZURE_STORAGE_ACCOUNT_KEY) or of the machine.";
        "upload.verify" = "metadata" => verify: Verification, choice(&[("metadata", Verification::Metadata), ("content", Verification::Content)]),
            "How an uploaded object is compared with the local file. \"metadata\": by its size and the digest in its metadata. \"content\": by reading it back.";
        "upload.delete_local" = "false" => delete_local: bool, choice(&[("false", false), ("true", true)]),
            "\"true\": the local copy of a recording that is not held is removed once its uploaded copy is complete and verified. Its manifest stays.";
        "upload.parallel" = "4" => parallel: u32, number(1..=64),
            "Maximum number of recordings that are uploaded concurrently, {range}.";
        "upload.bytes_per_second" = "0" => bytes_per_second: u64, number(0..=u64::MAX),
            "Maximum rate of all uploads together, in bytes per second. 0: no limit.";
        "upload.timeout_ms" = "30000" => timeout_ms: u32, number(100..=600_000),
            "Longest time without progress of a request to the store, {range} ms.";
        "upload.retry_ms" = "1000" => retry_ms: u32, number(10..=3_600_000),
            "Delay before the second attempt to upload a recording, {range} ms. Each further attempt doubles it. Up to a half of each delay is left out at random.";
        "upload.retry_max_ms" = "300000" => retry_max_ms: u32, number(10..=86_400_000),
            "The longest delay between two attempts, {range} ms.";
        "upload.give_up_ms" = "0" => give_up_ms: u64, number(0..=u64::MAX / 2_000_000),
            "A recording that cannot be uploaded for this long stays local, and REC_EVENT_UPLOAD_FAILED is raised, {range} ms. 0: never.";
        "upload.encryption" = "" => encryption: Encryption, choice(&ENCRYPTIONS),
            "Server-side encryption that is requested from S3: \"AES256\" or \"aws:kms\". Empty: as the bucket is configured.";
        "upload.kms_key" = "" => kms_key: String, text(0..=2048),
            "ID of the KMS key for upload.encryption \"aws:kms\".";
        "upload.lock_mode" = "" => lock_mode: LockMode, choice(&LOCK_MODES),
            "Object lock of each object in S3: \"GOVERNANCE\" or \"COMPLIANCE\". The bucket must have object lock enabled. Empty: as the bucket is configured.";
        "upload.lock_days" = "0" => lock_days: u32, number(0..=36_500),
            "Days for which upload.lock_mode retains an object, {range}.";
        "upload.hold_objects" = "false" => hold_objects: bool, choice(&[("false", false), ("true", true)]),
            "\"true\": while a recording is under a legal hold (rec_hold), its objects in S3 are as well. The bucket must have object lock enabled.";
    }
    without key {
        /// Placeholders that keys may contain besides the engine's own.
        placeholders: Placeholders = Placeholders::default();
    }
}

/// The keys whose values no error message may quote.
const SECRETS: [&str; 3] = [
    "upload.secret_access_key",
    "upload.session_token",
    "upload.azure_access_key",
];

impl UploadSettings {
    /// All keys, in the order in which they are documented.
    pub fn keys() -> impl Iterator<Item = KeyDescription> {
        UploadSettings::described().into_iter()
    }

    /// Sets a key. Returns `None` if it is not a key of uploads.
    pub fn set_known(&mut self, name: &str, value: &str) -> Option<Result<()>> {
        let stored = set_key(self, UploadSettings::KEYS, name, value)?;
        Some(stored.map_err(|error| match SECRETS.contains(&name) {
            true => refused(name, "at most 8192 bytes of text are needed"),
            false => error,
        }))
    }

    /// Fails if the keys do not fit together, or if the store does not have what they ask for.
    pub fn check(&self) -> Result<()> {
        let Some(location) = &self.location else {
            return Ok(());
        };
        let is_s3 = location.scheme == StoreScheme::S3;
        let only_s3 = |name| refused(name, "only an s3:// store of callrec has this");
        let asked = [
            ("upload.encryption", self.encryption != Encryption::Default),
            ("upload.kms_key", !self.kms_key.is_empty()),
            ("upload.lock_mode", self.lock_mode != LockMode::None),
            ("upload.lock_days", self.lock_days > 0),
            ("upload.hold_objects", self.hold_objects),
            ("upload.access_key_id", !self.access_key_id.is_empty()),
            ("upload.secret_access_key", !self.secret_access_key.is_empty()),
            ("upload.session_token", !self.session_token.is_empty()),
            ("upload.region", !self.region.is_empty()),
        ];
        if let Some((name, _)) = asked.into_iter().find(|(_, is_asked)| *is_asked && !is_s3) {
            return Err(only_s3(name));
        }
        if location.scheme == StoreScheme::Directory && !self.endpoint.is_empty() {
            return Err(refused("upload.endpoint", "a directory has none"));
        }
        let together = |first: bool, second: bool, name, why| match first == second {
            true => Ok(()),
            false => Err(refused(name, why)),
        };
        together(
            self.access_key_id.is_empty(),
            self.secret_access_key.is_empty(),
            "upload.access_key_id",
            "it and upload.secret_access_key are needed together",
        )?;
        together(
            self.lock_mode == LockMode::None,
            self.lock_days == 0,
            "upload.lock_mode",
            "it and upload.lock_days are needed together",
        )?;
        together(
            self.encryption != Encryption::Kms,
            self.kms_key.is_empty(),
            "upload.kms_key",
            "it and upload.encryption \"aws:kms\" are needed together",
        )?;
        self.template().map(drop)
    }

    /// The template of keys. `None`: the path of the file is the key.
    pub fn template(&self) -> Result<Option<Template>> {
        if self.key.is_empty() {
            return Ok(None);
        }
        let template = Template::with(&self.key, &self.placeholders);
        template.map(Some).map_err(|why| refused("upload.key", &why))
    }

    /// Replaces credentials in a text for the log.
    pub fn without_secrets(&self, text: &str) -> String {
        let secrets = [
            &self.secret_access_key,
            &self.session_token,
            &self.azure_access_key,
        ];
        let revealed = secrets.iter().map(|secret| secret.reveal());
        revealed
            .filter(|secret| !secret.is_empty())
            .fold(text.to_owned(), |text, secret| text.replace(secret, "(hidden)"))
    }

    fn check_key(&self, key: &str) -> std::result::Result<(), String> {
        match key {
            "" => Ok(()),
            _ => Template::with(key, &self.placeholders).map(drop),
        }
    }
}

fn refused(name: &str, why: &str) -> Error {
    Error::new(Status::Config, format!("key \"{name}\": {why}"))
}

fn location(url: &str) -> std::result::Result<Option<StoreLocation>, String> {
    match url {
        "" => Ok(None),
        _ => StoreLocation::parse(url).map(Some),
    }
}

fn endpoint(url: &str) -> std::result::Result<String, String> {
    let is_url = |rest: &str| !rest.is_empty() && !rest.contains(['@', '?', '#', ' ']);
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    match rest {
        Some(rest) if is_url(rest) && url.len() <= 500 => Ok(url.trim_end_matches('/').to_owned()),
        None if url.is_empty() => Ok(String::new()),
        _ => Err("http://host or https://host, without a user, is needed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(keys: &[(&str, &str)]) -> UploadSettings {
        let mut settings = UploadSettings::default();
        for (name, value) in keys {
            settings.set_known(name, value).expect("known").expect("valid");
        }
        settings
    }

    #[test]
    fn keys_that_the_store_does_not_have_are_refused() {
        assert_eq!(settings(&[]).check(), Ok(()));
        assert_eq!(settings(&[("upload.url", "s3://b")]).check(), Ok(()));
        let google = ("upload.url", "gs://b");
        for (key, value) in [
            ("upload.encryption", "AES256"),
            ("upload.lock_mode", "GOVERNANCE"),
            ("upload.access_key_id", "x"),
            ("upload.region", "eu-west-1"),
        ] {
            let error = settings(&[google, (key, value)]).check().expect_err(key);
            assert!(error.message.contains(key), "{error:?}");
        }
        let directory = [
            ("upload.url", "file:///x"),
            ("upload.endpoint", "http://localhost:1"),
        ];
        assert!(settings(&directory).check().is_err());
    }

    #[test]
    fn keys_that_need_each_other_are_refused_alone() {
        let s3 = ("upload.url", "s3://b");
        for (alone, with) in [
            (("upload.access_key_id", "a"), ("upload.secret_access_key", "b")),
            (("upload.lock_mode", "COMPLIANCE"), ("upload.lock_days", "3")),
            (("upload.encryption", "aws:kms"), ("upload.kms_key", "k")),
        ] {
            assert!(settings(&[s3, alone]).check().is_err(), "{alone:?}");
            assert!(settings(&[s3, with]).check().is_err(), "{with:?}");
            assert_eq!(settings(&[s3, alone, with]).check(), Ok(()));
        }
    }

    #[test]
    fn a_secret_is_in_no_message() {
        let long = "s3cret".repeat(2000);
        let mut settings = UploadSettings::default();
        for name in SECRETS {
            let error = settings.set_known(name, &long).expect("known").expect_err("long");
            assert!(!error.message.contains("s3cret"), "{error:?}");
            settings.set_known(name, "s3cret").expect("known").expect("valid");
        }
        assert!(!format!("{settings:?}").contains("s3cret"));
        assert_eq!(settings.without_secrets("a s3cret b"), "a (hidden) b");
    }

    #[test]
    fn a_key_template_is_checked() {
        let mut settings = UploadSettings::default();
        let mut set = |value| settings.set_known("upload.key", value).expect("known");
        assert!(set("{date}/{nothing}").is_err());
        assert!(set("../{id}").is_err());
        assert_eq!(set("{date}/{id}"), Ok(()));
        assert_eq!(set(""), Ok(()));
    }
}
