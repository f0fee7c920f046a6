using System;

namespace Callrec
{
    /// <summary>A position in an audit log.</summary>
    public sealed class ChainHead
    {
        /// <summary>How many lines the log has up to here.</summary>
        public ulong Sequence;

        /// <summary>The hash of the last line.</summary>
        public string Hash = "";

        /// <summary>Number of lines that are not on the disk yet. rec_verify_audit ignores this member.</summary>
        public ulong Waiting;

        /// <summary>Number of lines that this engine dropped, because the disk did not accept them or because too many logins were refused. rec_verify_audit ignores this member.</summary>
        public ulong Dropped;
    }

    /// <summary>What the check of an audit log has found: rec_audit_report of the header.</summary>
    public sealed class AuditReport
    {
        /// <summary>Number of the last line, which is also the number of complete lines. 0 if there is none.</summary>
        public readonly ulong Sequence;

        /// <summary>Number of lines after known_head.</summary>
        public readonly ulong LinesAfterHead;

        /// <summary>Number of lines that were cut short because a process died. A later line of the log records each of them.</summary>
        public readonly ulong Unfinished;

        /// <summary>Size of an incomplete last line in bytes, or 0. A process is writing this line, or died while it wrote it.</summary>
        public readonly ulong UnfinishedBytes;

        /// <summary>Number of lines that the log itself reports as dropped.</summary>
        public readonly ulong Dropped;

        /// <summary>The hash of the last line.</summary>
        public readonly string Hash;

        internal AuditReport(Abi.rec_audit_report read)
        {
            Sequence = read.sequence;
            LinesAfterHead = read.lines_after_head;
            Unfinished = read.unfinished;
            UnfinishedBytes = read.unfinished_bytes;
            Dropped = read.dropped;
            Hash = Native.Text(read.hash);
        }
    }

    public sealed partial class Engine
    {
        /// <summary>The last line of the audit log, to be kept elsewhere.</summary>
        public ChainHead AuditHead()
        {
            var head = new Abi.rec_chain_head { struct_size = Native.Size<Abi.rec_chain_head>() };
            var error = CallrecException.NewError();
            CallrecException.Check(Abi.rec_audit_head(handle, ref head, ref error), error);
            return new ChainHead { Sequence = head.sequence, Hash = Native.Text(head.hash), Waiting = head.waiting, Dropped = head.dropped };
        }

        /// <summary>Checks the audit log of a storage directory. Throws if it was changed.</summary>
        public static AuditReport VerifyAudit(string directory, ChainHead knownHead = null)
        {
            using (var memory = new NativeMemory())
            {
                IntPtr head = IntPtr.Zero;
                if (knownHead != null)
                {
                    var known = new Abi.rec_chain_head { struct_size = Native.Size<Abi.rec_chain_head>(), sequence = knownHead.Sequence, hash = new byte[72] };
                    Native.Bytes(knownHead.Hash, known.hash);
                    head = memory.Put(known);
                }
                var report = new Abi.rec_audit_report { struct_size = Native.Size<Abi.rec_audit_report>() };
                var error = CallrecException.NewError();
                CallrecException.Check(Abi.rec_verify_audit(memory.Text(directory), head, ref report, ref error), error);
                return new AuditReport(report);
            }
        }

        /// <summary>Compares a finished file with the digest in its manifest. Throws if they differ.</summary>
        public static void Verify(string path)
        {
            using (var memory = new NativeMemory())
            {
                var error = CallrecException.NewError();
                CallrecException.Check(Abi.rec_verify(memory.Text(path), ref error), error);
            }
        }
    }
}
