using System.Text;

namespace Mamba.Amqp.SpecGenerator;

/// <summary>Writes the table of descriptors: codes, and symbols to codes.</summary>
internal static class DescriptorEmitter
{
    public static string Emit(Spec spec)
    {
        var types = spec.Types.Where(static t => t.Symbol is not null).OrderBy(static t => t.Code).ToList();
        var text = new StringBuilder();
        text.Append("/// <summary>The descriptors of all described types of the specification, as codes and as symbols.</summary>\n");
        text.Append("public static class DescriptorCode\n{\n");
        text.Append("    /// <summary>Stands for a symbolic descriptor that belongs to no type of the specification.</summary>\n");
        text.Append("    public const ulong Unknown = ulong.MaxValue;\n");
        foreach (var type in types)
        {
            text.Append($"\n    /// <summary>{type.Symbol} (AMQP 1.0 §{type.Section}).</summary>\n");
            text.Append($"    public const ulong {Names.Pascal(type.Name)} = 0x{type.Code:x2};\n");
        }

        EmitFromSymbol(text, types);
        EmitNameOf(text, types);
        return text.Append("}\n").ToString();
    }

    private static void EmitFromSymbol(StringBuilder text, List<SpecType> types)
    {
        text.Append("\n    /// <summary>The code of a symbolic descriptor, compared whole; <see cref=\"Unknown\"/> when there is none.</summary>\n");
        text.Append("    public static ulong FromSymbol(ReadOnlySpan<byte> symbol)\n    {\n        switch (symbol.Length)\n        {\n");
        foreach (var group in types.GroupBy(static t => t.Symbol!.Length).OrderBy(static g => g.Key))
        {
            text.Append($"            case {group.Key}:\n");
            foreach (var type in group)
            {
                text.Append($"                if (symbol.SequenceEqual(\"{type.Symbol}\"u8))\n                {{\n");
                text.Append($"                    return {Names.Pascal(type.Name)};\n                }}\n\n");
            }

            text.Append("                break;\n");
        }

        text.Append("        }\n\n        return Unknown;\n    }\n");
    }

    private static void EmitNameOf(StringBuilder text, List<SpecType> types)
    {
        text.Append("\n    /// <summary>The name of the type with a code, for messages to people.</summary>\n");
        text.Append("    public static string NameOf(ulong code) => code switch\n    {\n");
        foreach (var type in types)
        {
            text.Append($"        {Names.Pascal(type.Name)} => \"{type.Name}\",\n");
        }

        text.Append("        Unknown => \"a type with an unknown symbolic descriptor\",\n");
        text.Append("        _ => $\"a type with the unknown descriptor 0x{code:x}\",\n    };\n");
    }
}
