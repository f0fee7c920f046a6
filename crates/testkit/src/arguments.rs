//! The command line of a bench.

/// `--name value` from the command line.
pub struct Arguments(Vec<String>);

impl Arguments {
    /// The arguments of this process, without those that cargo adds.
    pub fn read() -> Arguments {
        Arguments(std::env::args().skip(1).filter(|a| a != "--bench").collect())
    }

    pub fn text(&self, name: &str, default: &str) -> String {
        let flag = format!("--{name}");
        let at = self.0.iter().position(|argument| *argument == flag);
        let value = at.map(|at| {
            self.0
                .get(at + 1)
                .unwrap_or_else(|| panic!("{flag}: a value is needed"))
        });
        value.cloned().unwrap_or_else(|| default.to_owned())
    }

    pub fn number(&self, name: &str, default: u64) -> u64 {
        let text = self.text(name, &default.to_string());
        text.parse().unwrap_or_else(|_| panic!("--{name}: a number"))
    }

    /// Numbers that are separated by commas.
    pub fn numbers(&self, name: &str, default: &str) -> Vec<u64> {
        let text = self.text(name, default);
        let parsed = text.split(',').map(|part| part.parse());
        parsed
            .collect::<Result<_, _>>()
            .unwrap_or_else(|_| panic!("--{name}: numbers"))
    }

    /// Whether `which` is one of the words of `name`. Without `name`, every word is.
    pub fn includes(&self, name: &str, which: &str) -> bool {
        let words = self.text(name, "all");
        words == "all" || words.split(',').any(|one| one == which)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(line: &str) -> Arguments {
        Arguments(line.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn values_are_found_by_name_and_have_defaults() {
        let arguments = given("--calls 20 --mode fast,paced --counts 1,2,3");
        assert_eq!(
            (arguments.number("calls", 1), arguments.number("runs", 3)),
            (20, 3)
        );
        assert_eq!(arguments.numbers("counts", "9"), [1, 2, 3]);
        assert_eq!(arguments.numbers("others", "9"), [9]);
        assert!(arguments.includes("mode", "fast") && !arguments.includes("mode", "slow"));
        assert!(arguments.includes("format", "wav"));
        assert_eq!(arguments.text("dir", "/tmp"), "/tmp");
    }

    #[test]
    #[should_panic(expected = "--calls: a number")]
    fn a_word_is_not_a_number() {
        given("--calls many").number("calls", 1);
    }

    #[test]
    #[should_panic(expected = "--calls: a value is needed")]
    fn a_name_needs_a_value() {
        given("--calls").number("calls", 1);
    }
}
