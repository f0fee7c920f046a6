//! The registered APIs, one line each. When two claim a request, the first gets it. The documents
//! list their keys in this order.

use super::genesys::GenesysConfig;
use super::imagicle::ImagicleConfig;
use super::registration::Registration;
use super::vobiz::{AudioRegistration, PlivoConfig, VobizConfig};

pub fn registered() -> Vec<Box<dyn Registration>> {
    vec![
        Box::<AudioRegistration>::default(),
        Box::<ImagicleConfig>::default(),
        Box::<GenesysConfig>::default(),
        Box::<VobizConfig>::default(),
        Box::<PlivoConfig>::default(),
    ]
}
