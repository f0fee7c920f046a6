//! A bucket or container of a cloud store.

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error, GetOptions, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions,
    PutPayload,
};

use super::cloud_builder::{self, OpenStore};
use super::digest::{RunningDigest, digest_of, digits_of, of_digits};
use super::http_client::StoreClient;
use super::location::{StoreLocation, StoreScheme};
use super::object_error;
use super::object_target::{
    Creation, NewObject, ObjectError, ObjectFacts, ObjectTarget, PartKeeper, PartState,
};
use super::settings::{LockMode, UploadSettings};

/// Larger objects are uploaded in parts.
pub const PART_BYTES: u64 = 8 << 20;
/// Stores accept at most 10,000 parts.
const PARTS_MAX: u64 = 9_000;
/// A request's body is sent in pieces of this size, each of which waits for the bandwidth.
const PIECE_BYTES: usize = 64 << 10;
/// Bytes per request when an object is read to compute its digest.
const READ_BYTES: u64 = 4 << 20;

const DIGEST: Attribute = Attribute::Metadata(std::borrow::Cow::Borrowed("sha256"));
const RECORDING: Attribute = Attribute::Metadata(std::borrow::Cow::Borrowed("callrecid"));

pub struct CloudStore {
    settings: UploadSettings,
    location: StoreLocation,
    client: StoreClient,
    store: OpenStore,
}

impl CloudStore {
    /// Sends no request.
    pub fn open(
        settings: &UploadSettings,
        location: &StoreLocation,
        client: StoreClient,
    ) -> Result<CloudStore, String> {
        let opened = cloud_builder::open(settings, location, &client);
        let store = opened.map_err(|error| object_error::detail(&error))?;
        Ok(CloudStore {
            settings: settings.clone(),
            location: location.clone(),
            client,
            store,
        })
    }

    /// The key as the store has it: exactly the one that manifests and events name. The client
    /// encodes it for the URL of a request.
    fn path(&self, key: &str) -> Result<Path, ObjectError> {
        let parsed = match self.location.prefix.as_str() {
            "" => Path::parse(key),
            prefix => Path::parse(format!("{prefix}/{key}")),
        };
        parsed.map_err(|error| ObjectError::Retry(format!("no object can have the key \"{key}\": {error}")))
    }

    /// The store that creates objects, which are locked if the settings say so.
    fn creator(&self) -> Result<OpenStore, ObjectError> {
        if self.settings.lock_mode == LockMode::None {
            return Ok(self.store.clone());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let opened = cloud_builder::open_locked(&self.settings, &self.location, &self.client, now_ms);
        Ok(opened?)
    }

    async fn create_whole(&self, object: &NewObject) -> Result<Creation, ObjectError> {
        let bytes = object.source.read_exactly(0, object.bytes).await?;
        if digest_of(&bytes) != object.digest {
            return Err(ObjectError::Changed("its file has changed".to_owned()));
        }
        let options = PutOptions {
            mode: PutMode::Create,
            attributes: attributes(object),
            ..PutOptions::default()
        };
        let path = self.path(&object.key)?;
        let creator = self.creator()?;
        let put = creator.objects.put_opts(&path, payload(&bytes), options);
        match put.await {
            Ok(_) => Ok(Creation::Created),
            Err(Error::AlreadyExists { .. }) => Ok(Creation::Exists),
            Err(Error::NotFound { source, .. }) => Err(no_bucket(&self.location, &*source)),
            Err(error) => Err(error.into()),
        }
    }

    /// Uploads the parts that are missing and completes the object.
    async fn create_in_parts(
        &self,
        object: &NewObject,
        keeper: &mut dyn PartKeeper,
    ) -> Result<Creation, ObjectError> {
        let path = self.path(&object.key)?;
        let mut state = match keeper.parts() {
            Some(state) => state,
            None => {
                let state = self.begin_parts(object).await?;
                if let Err(error) = keeper.keep(Some(state.clone())).await {
                    // Nobody knows it from now on. What matters is why it is not kept.
                    let _ = self.abort(&object.key, &state).await;
                    return Err(error);
                }
                state
            }
        };
        let count = object.bytes.div_ceil(state.part_bytes);
        let mut read = RunningDigest::default();
        for index in 0..usize::try_from(count).unwrap_or(usize::MAX) {
            let at = index as u64 * state.part_bytes;
            let length = state.part_bytes.min(object.bytes - at);
            let bytes = object.source.read_exactly(at, length).await?;
            read.update(&bytes);
            if index < state.parts.len() {
                // An earlier attempt has uploaded it.
                continue;
            }
            let id = &state.upload_id;
            let put = self.store.parts.put_part(&path, id, index, payload(&bytes)).await;
            match put {
                Ok(part) => state.parts.push(part.content_id),
                Err(error) => return self.failed(error, object, keeper).await,
            }
            keeper.keep(Some(state.clone())).await?;
        }
        if read.finish() != object.digest {
            return Err(ObjectError::Changed("its file has changed".to_owned()));
        }
        // All stores complete an upload over an object that another client has created meanwhile.
        if self.find(&object.key).await?.is_some() {
            return Ok(Creation::Exists);
        }
        let parts = state.parts.iter().map(|id| object_store::multipart::PartId {
            content_id: id.clone(),
        });
        let completed = self
            .store
            .parts
            .complete_multipart(&path, &state.upload_id, parts.collect())
            .await;
        match completed {
            Ok(_) => Ok(Creation::Created),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(Creation::Exists),
            Err(error) if object_error::is_part_missing(&error) => {
                // Nobody knows the other parts from now on. A store that refuses this has a rule for
                // them, and must not prevent the next upload.
                let _ = self.abort(&object.key, &state).await;
                self.forget_parts(object, keeper).await
            }
            Err(error) => self.failed(error, object, keeper).await,
        }
    }

    async fn begin_parts(&self, object: &NewObject) -> Result<PartState, ObjectError> {
        let least = object.bytes.div_ceil(PARTS_MAX);
        let path = self.path(&object.key)?;
        let options = PutMultipartOptions {
            // Azure takes attributes only when the object is completed, by another interface.
            attributes: match self.location.scheme {
                StoreScheme::Azure => Attributes::new(),
                _ => attributes(object),
            },
            ..PutMultipartOptions::default()
        };
        let creator = self.creator()?;
        let upload_id = match creator.parts.create_multipart_opts(&path, options).await {
            Err(Error::NotFound { source, .. }) => return Err(no_bucket(&self.location, &*source)),
            created => created?,
        };
        Ok(PartState {
            upload_id,
            part_bytes: PART_BYTES.max(least.next_multiple_of(1 << 20)),
            parts: Vec::new(),
        })
    }

    /// A store forgets parts when the object is complete, and after some time. Then the parts are
    /// uploaded again, unless the object is there.
    async fn failed(
        &self,
        error: Error,
        object: &NewObject,
        keeper: &mut dyn PartKeeper,
    ) -> Result<Creation, ObjectError> {
        match object_error::is_not_found(&error) {
            true => self.forget_parts(object, keeper).await,
            false => Err(error.into()),
        }
    }

    async fn forget_parts(
        &self,
        object: &NewObject,
        keeper: &mut dyn PartKeeper,
    ) -> Result<Creation, ObjectError> {
        if self.find(&object.key).await?.is_some() {
            return Ok(Creation::Exists);
        }
        keeper.keep(None).await?;
        Err(ObjectError::Retry(
            "the store has forgotten the parts of the object, so they are uploaded again".to_owned(),
        ))
    }
}

#[async_trait]
impl ObjectTarget for CloudStore {
    async fn find(&self, key: &str) -> Result<Option<ObjectFacts>, ObjectError> {
        let options = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        match self.store.objects.get_opts(&self.path(key)?, options).await {
            Ok(found) => Ok(Some(ObjectFacts {
                bytes: found.meta.size,
                digest: found.attributes.get(&DIGEST).map(|digits| of_digits(digits)),
            })),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn create(&self, object: &NewObject, keeper: &mut dyn PartKeeper) -> Result<Creation, ObjectError> {
        match object.bytes <= PART_BYTES {
            true => self.create_whole(object).await,
            false => self.create_in_parts(object, keeper).await,
        }
    }

    async fn digest(&self, key: &str) -> Result<String, ObjectError> {
        let path = self.path(key)?;
        let size = self.store.objects.head(&path).await?.size;
        let (mut digest, mut at) = (RunningDigest::default(), 0);
        while at < size {
            let end = (at + READ_BYTES).min(size);
            let bytes = self.store.objects.get_range(&path, at..end).await?;
            if bytes.is_empty() {
                break;
            }
            digest.update(&bytes);
            at += bytes.len() as u64;
        }
        Ok(digest.finish())
    }

    async fn read(&self, key: &str, range: Range<u64>) -> Result<Bytes, ObjectError> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        Ok(self.store.objects.get_range(&self.path(key)?, range).await?)
    }

    async fn remove(&self, key: &str) -> Result<(), ObjectError> {
        match self.store.objects.delete(&self.path(key)?).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn hold(&self, key: &str, is_held: bool) -> Result<(), ObjectError> {
        match &self.store.holds {
            Some(holds) => holds.set(&self.path(key)?, is_held).await,
            None => Err(ObjectError::Retry("the store has no legal holds".to_owned())),
        }
    }

    async fn abort(&self, key: &str, parts: &PartState) -> Result<(), ObjectError> {
        let path = self.path(key)?;
        let aborted = self.store.parts.abort_multipart(&path, &parts.upload_id);
        match aborted.await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn attributes(object: &NewObject) -> Attributes {
    let digits = digits_of(&object.digest).to_owned();
    Attributes::from_iter([
        (Attribute::ContentType, object.mime.to_owned()),
        (DIGEST, digits),
        (RECORDING, object.id.as_hyphenated().to_string()),
    ])
}

/// Shares the bytes.
fn payload(bytes: &Bytes) -> PutPayload {
    let pieces = (0..bytes.len()).step_by(PIECE_BYTES);
    pieces
        .map(|at| bytes.slice(at..(at + PIECE_BYTES).min(bytes.len())))
        .collect()
}

fn no_bucket(location: &StoreLocation, error: &dyn std::error::Error) -> ObjectError {
    let name = &location.bucket;
    ObjectError::Retry(format!("there is no bucket or container \"{name}\": {error}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::bandwidth::Bandwidth;
    use super::super::object_target::ObjectSource;
    use super::super::scripted_server::ScriptedServer;
    use super::*;

    /// Keeps nothing.
    struct FullDisk;

    #[async_trait]
    impl PartKeeper for FullDisk {
        fn parts(&self) -> Option<PartState> {
            None
        }

        async fn keep(&mut self, _: Option<PartState>) -> Result<(), ObjectError> {
            Err(ObjectError::Retry("the disk is full".to_owned()))
        }
    }

    fn store(endpoint: &str) -> CloudStore {
        let mut settings = UploadSettings::default();
        for (key, value) in [
            ("upload.url", "s3://bucket"),
            ("upload.endpoint", endpoint),
            ("upload.region", "us-east-1"),
            ("upload.access_key_id", "AKIDTEST"),
            ("upload.secret_access_key", "secret"),
        ] {
            settings.set_known(key, value).expect("known").expect("valid");
        }
        let location = settings.location.clone().expect("a location");
        let client = StoreClient::new(Arc::new(Bandwidth::new(0)), Duration::from_secs(60));
        let store = CloudStore::open(&settings, &location, client.expect("a client"));
        store.unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn an_upload_in_parts_that_cannot_be_noted_is_aborted() {
        let server = ScriptedServer::start(|method, _| match method {
            "POST" => {
                let begun = "<InitiateMultipartUploadResult><UploadId>begun</UploadId>\
                    </InitiateMultipartUploadResult>";
                (200, begun.to_owned())
            }
            "DELETE" => (204, String::new()),
            _ => (404, String::new()),
        });
        let content = Bytes::from(vec![0; PART_BYTES as usize + 1]);
        let object = NewObject {
            key: "x.wav".to_owned(),
            mime: "audio/wav",
            id: uuid::Uuid::nil(),
            bytes: content.len() as u64,
            digest: digest_of(&content),
            source: ObjectSource::Bytes(content),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let created = runtime.block_on(store(&server.url()).create(&object, &mut FullDisk));
        let error = created.expect_err("it cannot be noted");
        assert_eq!(error.text(), "the disk is full");
        let requests = server.requests();
        assert_eq!(requests.len(), 2, "{requests:?}");
        assert!(
            requests[0].starts_with("POST /bucket/x.wav?uploads"),
            "{requests:?}"
        );
        assert_eq!(requests[1], "DELETE /bucket/x.wav?uploadId=begun");
    }
}
