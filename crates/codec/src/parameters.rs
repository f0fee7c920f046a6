//! Parameters of encoders, as in `opus;bitrate=24000`.

use std::ops::RangeInclusive;

/// The maximum number of parameters of a format.
pub const PARAMETERS_MAX: usize = 4;

/// The declaration of a parameter, made in the module of its format.
pub struct ParameterSpec {
    pub name: &'static str,
    pub range: RangeInclusive<u32>,
    pub default: u32,
}

/// The values of a format's parameters, in the order of their declarations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameters([Option<u32>; PARAMETERS_MAX]);

impl Parameters {
    /// No parameter has a value.
    pub(crate) const DEFAULT: Parameters = Parameters([None; PARAMETERS_MAX]);

    pub(crate) fn get(&self, index: usize) -> Option<u32> {
        self.0.get(index).copied().flatten()
    }

    pub(crate) fn set(&mut self, index: usize, value: u32) {
        if let Some(parameter) = self.0.get_mut(index) {
            *parameter = Some(value);
        }
    }

    /// These values, and those of `others` for the parameters that have none.
    pub(crate) fn or(self, others: Parameters) -> Parameters {
        Parameters(std::array::from_fn(|index| self.0[index].or(others.0[index])))
    }

    /// Sets the parameters in `text`: names and whole numbers, separated by `;`. Each of them is given
    /// once and has one form, so that equal texts mean equal recordings. An empty text sets none.
    pub(crate) fn parse(self, specs: &[ParameterSpec], text: &str) -> Result<Parameters, String> {
        let mut given = Parameters::DEFAULT;
        let parts = text.split(';').filter(|_| !text.is_empty());
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            if part.is_empty() {
                return Err("a parameter must follow each semicolon".to_owned());
            }
            let Some(index) = specs.iter().position(|spec| spec.name == name) else {
                return Err(format!("no parameter \"{name}\"; {}", known(specs)));
            };
            if given.get(index).is_some() {
                return Err(format!("parameter {name} is given twice"));
            }
            let range = &specs[index].range;
            let Some(number) = whole_number(value).filter(|number| range.contains(number)) else {
                let (low, high) = (range.start(), range.end());
                return Err(format!(
                    "parameter {name}=\"{value}\": a whole number from {low} to {high} is needed"
                ));
            };
            given.set(index, number);
        }
        Ok(given.or(self))
    }

    /// The parameters that have a value, in the form that [`Parameters::parse`] takes.
    pub(crate) fn text(&self, specs: &[ParameterSpec]) -> String {
        let values = specs.iter().enumerate().filter_map(|(index, spec)| {
            let value = self.get(index)?;
            Some(format!("{}={value}", spec.name))
        });
        values.collect::<Vec<_>>().join(";")
    }
}

/// A number in decimal digits, without a sign and without leading zeros.
fn whole_number(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn known(specs: &[ParameterSpec]) -> String {
    let names: Vec<&str> = specs.iter().map(|spec| spec.name).collect();
    match names.is_empty() {
        true => "it has none".to_owned(),
        false => format!("{} are known", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: &[ParameterSpec] = &[
        ParameterSpec {
            name: "bitrate",
            range: 6000..=256_000,
            default: 24_000,
        },
        ParameterSpec {
            name: "dtx",
            range: 0..=1,
            default: 0,
        },
    ];

    #[test]
    fn parameters_are_read_and_written() {
        let parsed = Parameters::DEFAULT.parse(SPECS, "dtx=1;bitrate=32000");
        let parsed = parsed.expect("valid");
        assert_eq!(
            (parsed.get(0), parsed.get(1), parsed.get(2)),
            (Some(32_000), Some(1), None)
        );
        let text = parsed.text(SPECS);
        assert_eq!(text, "bitrate=32000;dtx=1");
        assert_eq!(Parameters::DEFAULT.parse(SPECS, &text), Ok(parsed));
        assert_eq!(Parameters::DEFAULT.text(SPECS), "");
        assert_eq!(parsed.parse(SPECS, ""), Ok(parsed));
        let changed = parsed.parse(SPECS, "dtx=0").expect("valid");
        assert_eq!((changed.get(0), changed.get(1)), (Some(32_000), Some(0)));
    }

    #[test]
    fn an_error_says_what_is_wrong() {
        for (text, why) in [
            ("speed=3", "no parameter \"speed\"; bitrate, dtx are known"),
            ("dtx", "a whole number from 0 to 1"),
            ("dtx=2", "a whole number from 0 to 1"),
            ("dtx=", "a whole number from 0 to 1"),
            ("dtx= 1", "a whole number from 0 to 1"),
            ("dtx=1;bitrate=-1", "from 6000 to 256000"),
            ("bitrate=+24000", "from 6000 to 256000"),
            ("bitrate=024000", "from 6000 to 256000"),
            ("bitrate=24000.0", "from 6000 to 256000"),
            ("bitrate=4294991296", "from 6000 to 256000"),
            ("dtx=1;dtx=1", "parameter dtx is given twice"),
            ("dtx=0;bitrate=6000;dtx=1", "parameter dtx is given twice"),
            (";", "a parameter must follow each semicolon"),
            ("dtx=1;", "a parameter must follow each semicolon"),
            ("dtx=1;;bitrate=6000", "a parameter must follow each semicolon"),
            ("=1", "no parameter \"\""),
            ("DTX=1", "no parameter \"DTX\""),
        ] {
            let error = Parameters::DEFAULT.parse(SPECS, text).expect_err("not valid");
            assert!(error.contains(why), "{text}: {error}");
        }
        let error = Parameters::DEFAULT.parse(&[], "level=1");
        assert_eq!(error, Err("no parameter \"level\"; it has none".to_owned()));
    }
}
