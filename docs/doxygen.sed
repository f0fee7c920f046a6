# Turns the plain form of include/callrec.h's comments into Doxygen's. Used by docs/Doxyfile.
/^[ /]*\*/ {
    s/^ \* Errors: none\.$/ * @par Errors\n * None./
    s/^ \* Errors: / * @return `REC_OK` or an error.\n * @par Errors\n * /
    s/^ \* (Threads|Blocking|In callbacks|Ownership|Source): / * @par \1\n * /
    s/^( *\* )Since: /\1@since /
    s/`((rec|REC)_[A-Za-z0-9_]+)`/#\1/g
}
