//! The APIs that are registered: one line for each. Of two that claim one request, the
//! first has it; documents list their keys in this order.

use super::genesys::GenesysConfig;
use super::imagicle::ImagicleConfig;
use super::registration::Registration;
use super::vobiz::{AudioRegistration, PlivoConfig, VobizConfig};

pub fn registered() -> Vec<Box<dyn Registration>> {
    vec![
        Box::new(AudioRegistration),
        Box::<ImagicleConfig>::default(),
        Box::<GenesysConfig>::default(),
        Box::<VobizConfig>::default(),
        Box::<PlivoConfig>::default(),
    ]
}
