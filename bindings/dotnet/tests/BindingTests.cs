using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.InteropServices;
using Callrec;

/// <summary>The binding offers everything that the header has.</summary>
internal static partial class Tests
{
    /// <summary>Functions that no class offers.</summary>
    private static readonly Dictionary<string, string> RawOnly = new Dictionary<string, string>
    {
        { "rec_subscribe", "Engine.Subscribe calls rec_subscribe_with" },
    };

    /// <summary>The structs that the library fills, and the classes that offer their members.</summary>
    private static readonly Dictionary<string, Type> Views = new Dictionary<string, Type>
    {
        { "rec_recording", typeof(Recording) },
        { "rec_call_view", typeof(CallView) },
        { "rec_event", typeof(CallrecEvent) },
        { "rec_statistics", typeof(Statistics) },
        { "rec_counts", typeof(Counts) },
        { "rec_audit_report", typeof(AuditReport) },
        { "rec_chain_head", typeof(ChainHead) },
        { "rec_credentials", typeof(Credentials) },
        { "rec_identity", typeof(Identity) },
        { "rec_caller", typeof(Caller) },
        { "rec_call_info", typeof(CallInfo) },
        { "rec_start_options", typeof(StartOptions) },
    };

    /// <summary>Structs that the classes use without a class of their own, or with other names for their members.</summary>
    private static readonly string[] Inner =
    {
        "rec_engine", "rec_call", "rec_feed", "rec_subscription", "rec_gateway", "rec_id", "rec_error", "rec_filter", "rec_line_info",
        "rec_feed_format", "rec_subscribe_options", "rec_codec_ops", "rec_gateway_options", "rec_http_request",
    };

    private const BindingFlags All = BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    private static Type Abi
    {
        get { return typeof(Engine).Assembly.GetType("Callrec.Abi", true); }
    }

    private static IEnumerable<Type> Structs()
    {
        return Abi.GetNestedTypes(BindingFlags.NonPublic).Where(type => type.IsValueType);
    }

    private static void LayoutIsThatOfC(string path)
    {
        string[] compiled = File.ReadAllLines(path);
        var declared = new List<string>();
        foreach (Type type in Structs())
        {
            declared.Add(type.Name + " " + Marshal.SizeOf(type));
            foreach (FieldInfo member in type.GetFields())
                declared.Add(type.Name + "." + member.Name + " " + Marshal.OffsetOf(type, member.Name));
        }
        string[] different = compiled.Except(declared).Concat(declared.Except(compiled)).ToArray();
        Check(different.Length == 0 && compiled.Length > 200, string.Join(", ", different));
    }

    private static void EveryFunctionIsOffered()
    {
        MethodInfo[] functions = Abi.GetMethods(All).Where(method => method.Name.StartsWith("rec_")).ToArray();
        var used = new HashSet<string>();
        foreach (Type type in typeof(Engine).Assembly.GetTypes().Where(type => type != Abi))
            foreach (MethodBase method in type.GetMethods(All).Concat<MethodBase>(type.GetConstructors(All)))
                used.UnionWith(Mentioned(method).Where(one => one.DeclaringType == Abi).Select(one => one.Name));
        string[] left = functions.Select(function => function.Name).Distinct().Except(used).OrderBy(name => name).ToArray();
        Check(functions.Length > 50 && left.SequenceEqual(RawOnly.Keys.OrderBy(name => name)), string.Join(", ", left));
    }

    /// <summary>The methods that a method calls, or of which it makes delegates.</summary>
    private static IEnumerable<MethodBase> Mentioned(MethodBase method)
    {
        MethodBody body = method.GetMethodBody();
        if (body == null)
            yield break;
        byte[] code = body.GetILAsByteArray();
        for (int at = 0; at < code.Length;)
        {
            short value = code[at++];
            if (value == 0xFE)
                value = (short)(0xFE00 | code[at++]);
            OpCode operation = Operations[value];
            if (operation.OperandType == OperandType.InlineMethod)
                yield return method.Module.ResolveMethod(BitConverter.ToInt32(code, at), Arguments(method.DeclaringType), method.IsGenericMethod ? method.GetGenericArguments() : null);
            at += Size(operation.OperandType, code, at);
        }
    }

    private static Type[] Arguments(Type type)
    {
        return type.IsGenericType ? type.GetGenericArguments() : null;
    }

    private static readonly Dictionary<short, OpCode> Operations = typeof(OpCodes).GetFields().Select(field => (OpCode)field.GetValue(null)).ToDictionary(operation => operation.Value);

    private static int Size(OperandType type, byte[] code, int at)
    {
        switch (type)
        {
            case OperandType.InlineNone:
                return 0;
            case OperandType.ShortInlineBrTarget:
            case OperandType.ShortInlineI:
            case OperandType.ShortInlineVar:
                return 1;
            case OperandType.InlineVar:
                return 2;
            case OperandType.InlineI8:
            case OperandType.InlineR:
                return 8;
            case OperandType.InlineSwitch:
                return 4 + 4 * BitConverter.ToInt32(code, at);
            default:
                return 4;
        }
    }

    private static void EveryMemberIsOffered()
    {
        string[] unknown = Structs().Select(type => type.Name).Except(Views.Keys).Except(Inner).ToArray();
        Check(unknown.Length == 0, "no class for " + string.Join(", ", unknown));
        foreach (Type type in Structs().Where(type => Views.ContainsKey(type.Name)))
        {
            IEnumerable<string> members = type.GetFields().Select(member => member.Name).Where(name => name != "struct_size" && !name.StartsWith("reserved"));
            IEnumerable<string> offered = Views[type.Name].GetFields().Select(member => member.Name);
            string[] left = members.Select(Camel).Except(offered).ToArray();
            Check(left.Length == 0, Views[type.Name].Name + " has no " + string.Join(", ", left));
        }
    }

    private static string Camel(string name)
    {
        return string.Concat(name.Split('_').Select(word => char.ToUpperInvariant(word[0]) + word.Substring(1)));
    }
}
