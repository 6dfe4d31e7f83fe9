using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Mamba.Broker.Host.Configuration;

/// <summary>Writes the JSON schema (draft 2020-12) of the configuration file from the options records.</summary>
internal static class SchemaWriter
{
    /// <summary>The schema as it is checked in: two spaces of indentation, a newline at the end.</summary>
    public static string Write()
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions
        {
            Indented = true,
            NewLine = "\n",
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        }))
        {
            json.WriteStartObject();
            json.WriteString("$schema", "https://json-schema.org/draft/2020-12/schema");
            json.WriteString("title", "Configuration of the Mamba broker");
            json.WriteString("type", "object");
            json.WriteBoolean("additionalProperties", value: false);
            json.WriteStartObject("properties");
            json.WriteStartObject("$schema");
            json.WriteString("type", "string");
            json.WriteEndObject();
            foreach (var section in SettingDescriptor.Root)
            {
                json.WriteStartObject(section.Name);
                json.WriteString("description", section.Attribute.Description);
                WriteObject(json, section.Children);
                json.WriteEndObject();
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray()) + "\n";
    }

    private static void WriteObject(Utf8JsonWriter json, IReadOnlyList<SettingDescriptor> settings)
    {
        json.WriteString("type", "object");
        json.WriteBoolean("additionalProperties", value: false);
        json.WriteStartObject("properties");
        foreach (var setting in settings)
        {
            json.WriteStartObject(setting.Name);
            json.WriteString("description", setting.Attribute.Description);
            WriteType(json, setting);
            WriteDefault(json, setting);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteType(Utf8JsonWriter json, SettingDescriptor setting)
    {
        var attribute = setting.Attribute;
        switch (setting.Kind)
        {
            case SettingKind.Boolean:
                json.WriteString("type", "boolean");
                break;
            case SettingKind.Integer:
                json.WriteString("type", "integer");
                WriteRange(json, attribute, "minimum", "maximum");
                break;
            case SettingKind.Number:
                json.WriteString("type", "number");
                WriteRange(json, attribute, "minimum", "maximum");
                break;
            case SettingKind.Size:
                WriteSize(json, attribute);
                break;
            case SettingKind.Duration:
                json.WriteString("type", "string");
                json.WriteString("pattern", Quantity.DurationPattern);
                json.WriteString("$comment", $"{Quantity.Duration(attribute.Min)} to {Quantity.Duration(attribute.Max)}");
                break;
            case SettingKind.Endpoint:
                json.WriteString("type", "string");
                json.WriteString("pattern", "^(off|.+:[0-9]{1,5})$");
                break;
            case SettingKind.Choice:
                WriteChoices(json, attribute.Choices!);
                break;
            case SettingKind.TextList:
                json.WriteString("type", "array");
                json.WriteStartObject("items");
                if (attribute.Choices is { } choices)
                {
                    WriteChoices(json, choices);
                }
                else
                {
                    json.WriteString("type", "string");
                }

                json.WriteEndObject();
                break;
            case SettingKind.Section:
                WriteObject(json, setting.Children);
                break;
            case SettingKind.RecordList:
                json.WriteString("type", "array");
                json.WriteStartObject("items");
                json.WriteStartArray("required");
                foreach (var required in setting.Children.Where(static child => child.Attribute.Required))
                {
                    json.WriteStringValue(required.Name);
                }

                json.WriteEndArray();
                WriteObject(json, setting.Children);
                json.WriteEndObject();
                break;
            default:
                json.WriteString("type", "string");
                WriteRange(json, attribute, "minLength", "maxLength");
                break;
        }
    }

    private static void WriteSize(Utf8JsonWriter json, SettingAttribute attribute)
    {
        json.WriteStartArray("oneOf");
        json.WriteStartObject();
        json.WriteString("type", "integer");
        WriteRange(json, attribute, "minimum", "maximum");
        json.WriteEndObject();
        json.WriteStartObject();
        json.WriteString("type", "string");
        json.WriteString("pattern", Quantity.SizePattern);
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private static void WriteChoices(Utf8JsonWriter json, string[] choices)
    {
        json.WriteStartArray("enum");
        foreach (var choice in choices)
        {
            json.WriteStringValue(choice);
            if (bool.TryParse(choice, out var value))
            {
                json.WriteBooleanValue(value);
            }
        }

        json.WriteEndArray();
    }

    private static void WriteRange(Utf8JsonWriter json, SettingAttribute attribute, string least, string most)
    {
        if (attribute.Min != long.MinValue)
        {
            json.WriteNumber(least, attribute.Min);
        }

        if (attribute.Max != long.MaxValue)
        {
            json.WriteNumber(most, attribute.Max);
        }
    }

    private static void WriteDefault(Utf8JsonWriter json, SettingDescriptor setting)
    {
        switch (setting.Default)
        {
            case bool value:
                json.WriteBoolean("default", value);
                break;
            case TimeSpan value:
                json.WriteString("default", Quantity.Duration((long)value.TotalMilliseconds));
                break;
            case long value when setting.Kind == SettingKind.Size:
                json.WriteString("default", Quantity.Size(value));
                break;
            case int or long:
                json.WriteNumber("default", Convert.ToInt64(setting.Default, CultureInfo.InvariantCulture));
                break;
            case double value:
                json.WriteNumber("default", value);
                break;
            case Enum value:
                json.WriteString("default", value.ToString().ToLowerInvariant());
                break;
            case string { Length: > 0 } or Endpoint:
                json.WriteString("default", setting.Default.ToString());
                break;
            case IReadOnlyList<string> value:
                json.WriteStartArray("default");
                foreach (var text in value)
                {
                    json.WriteStringValue(text);
                }

                json.WriteEndArray();
                break;
        }
    }
}
