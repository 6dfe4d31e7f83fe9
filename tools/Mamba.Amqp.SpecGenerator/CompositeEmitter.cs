using System.Globalization;
using System.Text;

namespace Mamba.Amqp.SpecGenerator;

/// <summary>Writes the C# of one composite type.</summary>
internal sealed class CompositeEmitter(Spec spec, SpecType type, string name, Shape shape)
{
    private readonly StringBuilder _text = new();

    public string Emit()
    {
        var hex = $"0x{type.Code:x2}";
        Line($"/// <summary>{Names.Sentence(type.Label, type.Name).TrimEnd('.')} (AMQP 1.0 §{type.Section}, {type.Symbol}, {hex}).</summary>");
        Line($"public {Kind()} {name} : {Base()}");
        Line("{");
        Line($"    /// <summary>The descriptor of {type.Symbol}.</summary>");
        Line($"    public const ulong Descriptor = {hex};");
        if (shape == Shape.Singleton)
        {
            Singleton();
        }

        foreach (var field in type.Fields)
        {
            Property(field);
        }

        if (shape is Shape.Outcome or Shape.Singleton)
        {
            Line();
            Line("    /// <inheritdoc/>");
            Line($"    public override Symbol Name {{ get; }} = \"{type.Symbol}\";");
        }

        ReadMethods();
        WriteMethod();
        TextMethod();
        Line("}");
        return _text.ToString();
    }

    private string Kind() => shape == Shape.Struct ? "partial struct" : "sealed partial class";

    private string Base() => shape switch
    {
        Shape.DeliveryState => "DeliveryState",
        Shape.Outcome or Shape.Singleton => "Outcome",
        Shape.Target => "ITarget",
        _ => "IAmqpEncodable",
    };

    private void Singleton()
    {
        Line();
        Line("    /// <summary>The one instance.</summary>");
        Line($"    public static readonly {name} Instance = new();");
        Line();
        Line($"    private {name}()");
        Line("    {");
        Line("    }");
    }

    private void Property(SpecField field)
    {
        var kind = KindOf(field);
        var facts = field.Mandatory ? " Mandatory." : field.Default is { } value ? $" Default: {value}." : "";
        var initial = (field.Mandatory, field.Default) switch
        {
            (true, _) when field.Multiple => " = [];",
            (true, _) when kind.Type == "string" => " = string.Empty;",
            (true, _) when kind.Type == "byte[]" => " = [];",
            (false, { } text) when Default(field, kind) is { } literal && literal is not ("false" or "0") => $" = {literal};",
            _ => "",
        };
        Line();
        Line($"    /// <summary>{Names.Sentence(field.Label, field.Name)}{facts} ({field.Name}: {field.Type}{(field.Multiple ? ", multiple" : "")})</summary>");
        Line($"    public {kind.Type}{(IsNullable(field) ? "?" : "")} {Names.Pascal(field.Name)} {{ get; set; }}{initial}");
    }

    private void ReadMethods()
    {
        var hides = shape is Shape.Outcome or Shape.DeliveryState or Shape.Singleton ? "new " : "";
        Line();
        Line($"    /// <summary>Reads {type.Name}, descriptor included.</summary>");
        Line($"    public static {hides}{name} Read(ref AmqpReader reader)");
        Line("    {");
        Line($"        reader.ReadDescriptor(Descriptor, \"{type.Name}\");");
        Line("        return ReadFields(ref reader);");
        Line("    }");
        Line();
        Line($"    /// <summary>Reads {type.Name} after its descriptor.</summary>");
        Line($"    public static {name} ReadFields(ref AmqpReader reader)");
        Line("    {");
        Line($"        var fields = reader.BeginFields(\"{type.Name}\", {type.Fields.Count.ToString(CultureInfo.InvariantCulture)});");
        if (shape == Shape.Singleton)
        {
            Line("        fields.End(ref reader);");
            Line("        return Instance;");
            Line("    }");
            return;
        }

        Line(shape == Shape.Struct ? $"        {name} value = default;" : $"        var value = new {name}();");
        foreach (var field in type.Fields)
        {
            ReadField(field);
        }

        Line("        fields.End(ref reader);");
        Line("        return value;");
        Line("    }");
    }

    private void ReadField(SpecField field)
    {
        var assignment = $"value.{Names.Pascal(field.Name)} = {KindOf(field).Read};";
        if (field.Mandatory)
        {
            Line($"        fields.Require(ref reader, \"{field.Name}\");");
            Line($"        {assignment}");
            return;
        }

        Line("        if (fields.Next(ref reader))");
        Line("        {");
        Line($"            {assignment}");
        Line("        }");
        Line();
    }

    private void WriteMethod()
    {
        var isOverride = shape is Shape.Outcome or Shape.DeliveryState or Shape.Singleton;
        Line();
        Line("    /// <inheritdoc/>");
        Line($"    public {(isOverride ? "override " : shape == Shape.Struct ? "readonly " : "")}void Write(AmqpWriter writer)");
        Line("    {");
        Line("        var fields = new CompositeWriter(writer, Descriptor);");
        foreach (var field in type.Fields)
        {
            var kind = KindOf(field);
            var property = Names.Pascal(field.Name);
            var value = kind.Cast.Length == 0 ? property : IsNullable(field) ? $"({kind.Cast}?){property}" : $"({kind.Cast}){property}";
            if (kind.Cast == "bool")
            {
                value = $"{property} == Role.Receiver";
            }

            if (Default(field, kind) is { } literal && !field.Mandatory)
            {
                var none = kind.Cast.Length == 0 ? kind.Type : kind.Cast;
                value = $"{property} == {literal} ? ({none}?)null : {value}";
            }

            Line($"        fields.{kind.Write}({value});");
        }

        Line("        fields.End();");
        Line("    }");
    }

    private void TextMethod()
    {
        Line();
        Line("    /// <summary>The fields that have a value, for logs; values are cut to a bounded length.</summary>");
        Line($"    public override {(shape == Shape.Struct ? "readonly " : "")}string ToString()");
        Line("    {");
        Line($"        var text = new CompositeText(\"{type.Name}\");");
        foreach (var field in type.Fields)
        {
            var property = Names.Pascal(field.Name);
            Line(Default(field, KindOf(field)) is { } literal && !field.Mandatory
                ? $"        text.Add(\"{field.Name}\", {property} == {literal} ? (object?)null : {property});"
                : $"        text.Add(\"{field.Name}\", {property});");
        }

        Line("        return text.End();");
        Line("    }");
    }

    private static bool IsNullable(SpecField field) => !field.Mandatory && field.Default is null;

    private string? Default(SpecField field, FieldKind kind)
    {
        if (field.Default is not { } value)
        {
            return null;
        }

        return spec.Types.Find(t => t.Name == field.Type && t.Choices.Count > 0) is not null
            ? $"{TypeOfChoice(field.Type)}.{Names.Pascal(value)}"
            : kind.Type == "ushort" || kind.Type == "bool" ? value : value == "0" ? "0" : value + "u";
    }

    private static string TypeOfChoice(string type) =>
        Templates.Enums.TryGetValue(type, out var choice) ? choice.Name : Templates.SymbolChoices[type].Name;

    private FieldKind KindOf(SpecField field)
    {
        if (field.Multiple)
        {
            return new FieldKind("Symbol[]", "reader.ReadSymbols()", "Symbols", IsReference: true);
        }

        if (field.Type == "*")
        {
            return Templates.Wildcards[field.Requires!];
        }

        if (field.Type == "delivery-tag")
        {
            return new FieldKind("DeliveryTag", "reader.ReadDeliveryTag()", "DeliveryTag");
        }

        if (Templates.Enums.TryGetValue(field.Type, out var choice))
        {
            return KindOfEnum(field, choice.Name, choice.Underlying);
        }

        return Templates.Primitives[spec.Primitive(field.Type)];
    }

    private FieldKind KindOfEnum(SpecField field, string choice, string underlying)
    {
        if (spec.Find(field.Type).Source == "boolean")
        {
            return new FieldKind(choice, $"reader.ReadBoolean() ? {choice}.Receiver : {choice}.Sender", "Boolean", Cast: "bool");
        }

        var max = spec.Find(field.Type).Choices.Max(static c => int.Parse(c.Value, CultureInfo.InvariantCulture));
        return underlying == "byte"
            ? new FieldKind(choice, $"({choice})reader.ReadUByteChoice({max}, \"{field.Name}\")", "UByte", Cast: "byte")
            : new FieldKind(choice, $"({choice})reader.ReadUIntChoice({max}, \"{field.Name}\")", "UInt", Cast: "uint");
    }

    private void Line(string text = "") => _text.Append(text).Append('\n');
}
