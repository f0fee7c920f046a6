//! The registered APIs, one line each. When two claim a request, the first gets it. The documents
//! list their keys in this order.

use super::genesys::GenesysConfig;
use super::imagicle::ImagicleConfig;
use super::registration::Registration;
use super::vobiz::{AudioRegistration, PlivoConfig, VobizConfig};
use callrec_core::keys::KeyDescription;

macro_rules! registrations {
    ($($api:ty,)*) => {
        pub fn registered() -> Vec<Box<dyn Registration>> {
            vec![$(Box::<$api>::default(),)*]
        }

        /// What the documents say of the keys of these APIs.
        pub fn described_keys() -> Vec<KeyDescription> {
            let all = [$(<$api>::described_keys(),)*];
            all.into_iter().flatten().collect()
        }
    };
}

registrations! {
    AudioRegistration,
    ImagicleConfig,
    GenesysConfig,
    VobizConfig,
    PlivoConfig,
}
