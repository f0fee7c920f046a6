//! The list of symbols in the Debian package: for each function, the version since which the library
//! has it. A package of a program depends on the newest version that its functions need.

use super::{form, header, keys};

const LIST: &str = "packaging/debian/libcallrec0.symbols";

#[test]
fn the_debian_package_lists_the_functions_and_their_versions() {
    let functions = form::functions(&header());
    let mut lines: Vec<String> = functions.iter().map(line).collect();
    lines.sort();
    let heading = "libcallrec.so.0 libcallrec0 #MINVER#\n\
                   * Build-Depends-Package: libcallrec-dev\n CALLREC_0@CALLREC_0 0.1.0\n";
    keys::check_or_bless(LIST, &(heading.to_owned() + &lines.concat()));
}

fn line(function: &form::DocumentedFunction) -> String {
    let mut since = function
        .comment
        .iter()
        .filter_map(|line| line.strip_prefix("Since: "));
    let since = since.next().expect("a version").trim_end_matches('.');
    // The tilde includes the packages that are made before the version is released.
    let tilde = if since == "0.1.0" { "" } else { "~" };
    format!(" {}@CALLREC_0 {since}{tilde}\n", function.name)
}
