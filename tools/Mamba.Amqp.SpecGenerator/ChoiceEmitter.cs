using System.Text;

namespace Mamba.Amqp.SpecGenerator;

/// <summary>Writes the C# of restricted types with choices, and of the specification's constants.</summary>
internal static class ChoiceEmitter
{
    public static string Enum(SpecType type, string name, string underlying)
    {
        var text = new StringBuilder();
        text.Append($"/// <summary>{Names.Sentence(type.Label, type.Name).TrimEnd('.')} (AMQP 1.0 §{type.Section}).</summary>\n");
        text.Append($"public enum {name} : {underlying}\n{{\n");
        foreach (var choice in type.Choices)
        {
            var value = choice.Value switch { "false" => "0", "true" => "1", var other => other };
            text.Append($"    /// <summary>{type.Name} {choice.Name}, {choice.Value} on the wire.</summary>\n");
            text.Append($"    {Names.Pascal(choice.Name)} = {value},\n\n");
        }

        return Close(text);
    }

    public static string Symbols(SpecType type, string name)
    {
        var text = new StringBuilder();
        text.Append($"/// <summary>{Names.Sentence(type.Label, type.Name).TrimEnd('.')} (AMQP 1.0 §{type.Section}).</summary>\n");
        text.Append($"public static class {name}\n{{\n");
        foreach (var choice in type.Choices)
        {
            AppendSymbol(text, Names.Pascal(choice.Name), choice.Value, type);
        }

        return Close(text);
    }

    public static string ErrorConditions(Spec spec)
    {
        var text = new StringBuilder();
        text.Append("/// <summary>The error conditions of the specification (AMQP 1.0 §2.8.15 to §2.8.18 and §4.5.8).</summary>\n");
        text.Append("public static class ErrorCondition\n{\n");
        foreach (var group in Templates.ErrorGroups)
        {
            var type = spec.Find(group);
            foreach (var choice in type.Choices)
            {
                AppendSymbol(text, Templates.ErrorNames.GetValueOrDefault(choice.Value, Names.Pascal(choice.Name)), choice.Value, type);
            }
        }

        return Close(text);
    }

    public static string Constants(Spec spec)
    {
        var text = new StringBuilder();
        text.Append("/// <summary>The constants of the specification.</summary>\n");
        text.Append("public static class ProtocolConstants\n{\n");
        foreach (var definition in spec.Definitions)
        {
            text.Append($"    /// <summary>{Names.Sentence(definition.Label, definition.Name).TrimEnd('.')} (AMQP 1.0 §{definition.Section}).</summary>\n");
            text.Append($"    public const int {Names.Pascal(definition.Name)} = {definition.Value};\n\n");
        }

        return Close(text);
    }

    private static void AppendSymbol(StringBuilder text, string name, string value, SpecType type)
    {
        text.Append($"    /// <summary>{value} (AMQP 1.0 §{type.Section}).</summary>\n");
        text.Append($"    public static readonly Symbol {name} = new(\"{value}\");\n\n");
    }

    private static string Close(StringBuilder text)
    {
        text.Length--;
        return text.Append("}\n").ToString();
    }
}
