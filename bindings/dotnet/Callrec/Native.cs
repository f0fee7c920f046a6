using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Text;

namespace Callrec
{
    /// <summary>Memory for the arguments of one call of the library. Freed when it is disposed.</summary>
    internal sealed class NativeMemory : IDisposable
    {
        private readonly List<IntPtr> blocks = new List<IntPtr>();

        /// <summary>A C string; NULL for null.</summary>
        internal IntPtr Text(string text)
        {
            if (text == null)
                return IntPtr.Zero;
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            IntPtr block = Allocate(bytes.Length + 1);
            Marshal.Copy(bytes, 0, block, bytes.Length);
            Marshal.WriteByte(block, bytes.Length, 0);
            return block;
        }

        /// <summary>A copy of a struct.</summary>
        internal IntPtr Put<T>(T value) where T : struct
        {
            IntPtr block = Allocate(Marshal.SizeOf(typeof(T)));
            Marshal.StructureToPtr(value, block, false);
            return block;
        }

        internal IntPtr Allocate(int size)
        {
            IntPtr block = Marshal.AllocHGlobal(size);
            blocks.Add(block);
            return block;
        }

        public void Dispose()
        {
            foreach (IntPtr block in blocks)
                Marshal.FreeHGlobal(block);
            blocks.Clear();
        }
    }

    /// <summary>Reads what the library has filled.</summary>
    internal static class Native
    {
        internal static uint Size<T>()
        {
            return (uint)Marshal.SizeOf(typeof(T));
        }

        /// <summary>Reads a struct that begins with its size. Members that an earlier library does not know are 0.</summary>
        internal static T Read<T>(IntPtr at) where T : struct
        {
            int size = Marshal.SizeOf(typeof(T));
            byte[] bytes = new byte[size];
            Marshal.Copy(at, bytes, 0, Math.Min(size, Marshal.ReadInt32(at)));
            IntPtr copy = Marshal.AllocHGlobal(size);
            try
            {
                Marshal.Copy(bytes, 0, copy, size);
                return (T)Marshal.PtrToStructure(copy, typeof(T));
            }
            finally
            {
                Marshal.FreeHGlobal(copy);
            }
        }

        /// <summary>A C string; "" for NULL.</summary>
        internal static string Text(IntPtr text)
        {
            if (text == IntPtr.Zero)
                return "";
            int length = 0;
            while (Marshal.ReadByte(text, length) != 0)
                length++;
            byte[] bytes = new byte[length];
            Marshal.Copy(text, bytes, 0, length);
            return Encoding.UTF8.GetString(bytes);
        }

        /// <summary>Writes a text and a NUL to the beginning of an array.</summary>
        internal static void Bytes(string text, byte[] target)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            if (bytes.Length >= target.Length)
                throw new ArgumentException("a text has more than " + (target.Length - 1) + " bytes");
            bytes.CopyTo(target, 0);
        }

        /// <summary>A text that ends with a NUL.</summary>
        internal static string Text(byte[] text)
        {
            if (text == null)
                return "";
            int length = Array.IndexOf(text, (byte)0);
            return Encoding.UTF8.GetString(text, 0, length < 0 ? text.Length : length);
        }
    }
}
