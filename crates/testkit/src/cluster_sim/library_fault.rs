//! Faults of the function library that a test plants: each replaces a part of its text.

/// A planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LibraryFault {
    /// A node writes under a lost epoch.
    EpochUnchecked,
    /// Every node that looks for dead ones reports the same.
    ReaperUnguarded,
    /// A command is begun after its deadline.
    LateClaimGranted,
    /// A command is sent after its deadline, and begun.
    DeadlineIgnored,
    /// The end of a recording is appended with each attempt.
    EndUnguarded,
    /// The recordings of a dead node are never forgotten.
    DeadKept,
    /// Lists show nodes without a lease as reachable.
    LeaseIgnored,
    /// An end is done before the consumers have it.
    ConsumersIgnored,
    /// The report of a dead node is given to its finder only once.
    ReportsForgotten,
}

impl LibraryFault {
    pub const ALL: [LibraryFault; 9] = [
        LibraryFault::EpochUnchecked,
        LibraryFault::ReaperUnguarded,
        LibraryFault::LateClaimGranted,
        LibraryFault::DeadlineIgnored,
        LibraryFault::EndUnguarded,
        LibraryFault::DeadKept,
        LibraryFault::LeaseIgnored,
        LibraryFault::ConsumersIgnored,
        LibraryFault::ReportsForgotten,
    ];

    /// The text of the library with the fault.
    pub fn plant(planted: Option<LibraryFault>, library: &str) -> String {
        let mut text = library.to_owned();
        for (from, to) in planted.map(LibraryFault::replacements).unwrap_or_default() {
            assert!(text.contains(from), "the library has no {from:?}");
            text = text.replacen(from, to, 1);
        }
        text
    }

    fn replacements(self) -> Vec<(&'static str, &'static str)> {
        let late_claim = ("if left <= 0 then", "if left <= -100000 then");
        let long_claim = ("return { 'OK', left }", "return { 'OK', left + 100000 }");
        let expiry = ("'PX', left + 60000", "'PX', left + 160000");
        match self {
            LibraryFault::EpochUnchecked => vec![(
                "return redis.call('HGET', p .. ':epochs', node) ~= epoch or not has_lease(p, node, now())",
                "return false",
            )],
            LibraryFault::ReaperUnguarded => vec![("redis.call('ZREM', p .. ':leases', node)", "")],
            LibraryFault::LateClaimGranted => vec![late_claim, long_claim, expiry],
            LibraryFault::DeadlineIgnored => vec![
                ("if tonumber(args[2]) <= at then", "if false then"),
                late_claim,
                long_claim,
                expiry,
            ],
            LibraryFault::EndUnguarded => {
                vec![(
                    "if entry and redis.call('EXISTS', stream) == 1 then",
                    "if false then",
                )]
            }
            LibraryFault::DeadKept => {
                vec![("redis.call('ZADD', p .. ':dead', at + grace, node)", "")]
            }
            LibraryFault::ReportsForgotten => vec![(
                "redis.call('HGETALL', found)",
                "redis.call('HGETALL', found)\n    redis.call('DEL', found)",
            )],
            LibraryFault::LeaseIgnored => vec![("has_lease(p, record[1], at) and 1 or 0", "1")],
            LibraryFault::ConsumersIgnored => {
                vec![(
                    "local function is_acknowledged(p, entry)",
                    "local function is_acknowledged(p, entry)\n    if true then return true end",
                )]
            }
        }
    }
}
