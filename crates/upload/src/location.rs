//! Where recordings are uploaded to: the value of `upload.url`.

/// A kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreScheme {
    S3,
    Google,
    Azure,
    Directory,
}

/// A bucket, container or directory, and the prefix of all keys in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreLocation {
    pub scheme: StoreScheme,
    /// The bucket or container; empty for a directory.
    pub bucket: String,
    /// Without slashes at either end. For a directory, its absolute path.
    pub prefix: String,
}

impl StoreLocation {
    pub fn parse(url: &str) -> Result<StoreLocation, String> {
        let needed =
            "s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or file:///directory is needed";
        let (scheme, rest) = url.split_once("://").ok_or(needed)?;
        let scheme = match scheme {
            "s3" => StoreScheme::S3,
            "gs" => StoreScheme::Google,
            "az" => StoreScheme::Azure,
            "file" => StoreScheme::Directory,
            _ => return Err(needed.to_owned()),
        };
        if rest.contains(['?', '#', '\\']) || rest.chars().any(char::is_control) {
            return Err("no query, fragment, backslash or control character is allowed".to_owned());
        }
        if scheme == StoreScheme::Directory {
            return StoreLocation::directory(rest);
        }
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'$');
        if bucket.is_empty() || bucket.len() > 222 || !bucket.bytes().all(is_plain) {
            return Err(format!("\"{bucket}\" is not the name of a bucket or container"));
        }
        Ok(StoreLocation {
            scheme,
            bucket: bucket.to_owned(),
            prefix: checked_prefix(prefix)?,
        })
    }

    fn directory(path: &str) -> Result<StoreLocation, String> {
        if !path.starts_with('/') || path.trim_end_matches('/').is_empty() {
            return Err("the absolute path of a directory is needed: file:///directory".to_owned());
        }
        checked_prefix(path)?;
        // `file:///C:/archive` names a drive.
        let drive = path[1..]
            .split('/')
            .next()
            .is_some_and(|first| first.ends_with(':'));
        let path = if cfg!(windows) && drive { &path[1..] } else { path };
        Ok(StoreLocation {
            scheme: StoreScheme::Directory,
            bucket: String::new(),
            prefix: path.trim_end_matches('/').to_owned(),
        })
    }

    /// The URL without a slash at its end, by which a manifest names the store.
    pub fn url(&self) -> String {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        match self.scheme {
            StoreScheme::S3 => format!("s3://{}{slash}{}", self.bucket, self.prefix),
            StoreScheme::Google => format!("gs://{}{slash}{}", self.bucket, self.prefix),
            StoreScheme::Azure => format!("az://{}{slash}{}", self.bucket, self.prefix),
            StoreScheme::Directory => match self.prefix.starts_with('/') {
                true => format!("file://{}", self.prefix),
                false => format!("file:///{}", self.prefix),
            },
        }
    }

    /// The URL of an object.
    pub fn url_of(&self, key: &str) -> String {
        format!("{}/{key}", self.url())
    }
}

fn checked_prefix(prefix: &str) -> Result<String, String> {
    let prefix = prefix.trim_matches('/');
    let is_wrong = |part: &str| part.is_empty() || part == "." || part == "..";
    match !prefix.is_empty() && prefix.split('/').any(is_wrong) {
        true => Err("no component of the path may be empty, \".\" or \"..\"".to_owned()),
        false => Ok(prefix.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_store_and_a_prefix() {
        for (url, scheme, bucket, prefix, canonical) in [
            ("s3://b", StoreScheme::S3, "b", "", "s3://b"),
            ("s3://b/x/y/", StoreScheme::S3, "b", "x/y", "s3://b/x/y"),
            (
                "gs://b.example/x",
                StoreScheme::Google,
                "b.example",
                "x",
                "gs://b.example/x",
            ),
            ("az://box", StoreScheme::Azure, "box", "", "az://box"),
            (
                "file:///mnt/nas/",
                StoreScheme::Directory,
                "",
                "/mnt/nas",
                "file:///mnt/nas",
            ),
        ] {
            let parsed = StoreLocation::parse(url).expect(url);
            let expected = StoreLocation {
                scheme,
                bucket: bucket.to_owned(),
                prefix: prefix.to_owned(),
            };
            assert_eq!(parsed, expected);
            assert_eq!(parsed.url(), canonical);
            assert_eq!(parsed.url_of("k.wav"), format!("{canonical}/k.wav"));
        }
    }

    #[test]
    fn a_wrong_url_is_refused() {
        for wrong in [
            "",
            "b",
            "http://b",
            "s3://",
            "s3:///x",
            "s3://user:secret@b",
            "s3://b?x=1",
            "s3://b/../x",
            "s3://b/x//y",
            "file://relative",
            "file:///",
            "file:///a/../b",
            "gs://b\n",
        ] {
            assert!(StoreLocation::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
