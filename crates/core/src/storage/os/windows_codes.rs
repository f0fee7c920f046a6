//! What the error codes of Windows mean. Compiled everywhere for its tests.

use super::super::disk::ErrorClass;

pub const ACCESS_DENIED: i32 = 5;
const SHARING_VIOLATION: i32 = 32;
const LOCK_VIOLATION: i32 = 33;

/// Whether a call may succeed once another process closes a file. Windows also denies access to a file
/// that is being replaced while another process has it open, and to the name of a removed file until
/// its last handle is closed.
pub fn may_be_held(code: i32) -> bool {
    matches!(code, ACCESS_DENIED | SHARING_VIOLATION | LOCK_VIOLATION)
}

/// The class of an error, unless only its kind says it.
pub fn class_of_code(code: i32) -> Option<ErrorClass> {
    const TOO_MANY_OPEN_FILES: i32 = 4;
    const CRC: i32 = 23;
    const IO_DEVICE: i32 = 1117;
    const NO_SYSTEM_RESOURCES: i32 = 1450;
    match code {
        CRC | IO_DEVICE => Some(ErrorClass::Medium),
        TOO_MANY_OPEN_FILES | NO_SYSTEM_RESOURCES => Some(ErrorClass::Temporary),
        SHARING_VIOLATION | LOCK_VIOLATION => Some(ErrorClass::Held),
        _ => None,
    }
}

/// Whether the code may mean that the file system does not support the operation.
pub fn may_be_unsupported(code: i32) -> bool {
    const INVALID_FUNCTION: i32 = 1;
    const NOT_SUPPORTED: i32 = 50;
    const INVALID_PARAMETER: i32 = 87;
    const TOO_MANY_LINKS: i32 = 1142;
    matches!(
        code,
        INVALID_FUNCTION | ACCESS_DENIED | NOT_SUPPORTED | INVALID_PARAMETER | TOO_MANY_LINKS
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE_NOT_FOUND: i32 = 2;
    const DISK_FULL: i32 = 112;

    #[test]
    fn a_file_that_another_process_holds_is_no_permanent_error() {
        for code in [SHARING_VIOLATION, LOCK_VIOLATION] {
            assert_eq!(class_of_code(code), Some(ErrorClass::Held));
            assert!(may_be_held(code) && !may_be_unsupported(code));
        }
        // Whether a file is held or the right is missing depends on what is at the path.
        assert!(may_be_held(ACCESS_DENIED) && may_be_unsupported(ACCESS_DENIED));
        assert_eq!(class_of_code(ACCESS_DENIED), None);
    }

    #[test]
    fn other_errors_are_not_those_of_a_held_file() {
        for code in [FILE_NOT_FOUND, DISK_FULL] {
            assert!(class_of_code(code).is_none() && !may_be_held(code) && !may_be_unsupported(code));
        }
        assert_eq!(class_of_code(4), Some(ErrorClass::Temporary));
        assert_eq!(class_of_code(1117), Some(ErrorClass::Medium));
    }
}
