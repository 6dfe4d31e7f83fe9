using System.Text;
using System.Text.Json;

namespace Mamba.Broker.Host.Configuration;

/// <summary>A JSON value that knows the line it stands on.</summary>
internal sealed class SettingNode
{
    private SettingNode(JsonValueKind kind, int line)
    {
        Kind = kind;
        Line = line;
    }

    public JsonValueKind Kind { get; }

    /// <summary>Line in the file, from 1.</summary>
    public int Line { get; }

    /// <summary>The text of a string, or a number as it is written.</summary>
    public string Text { get; private init; } = "";

    public List<(string Name, int Line, SettingNode Value)> Members { get; } = [];

    public List<SettingNode> Items { get; } = [];

    /// <summary>A text that came from a variable or an option.</summary>
    public static SettingNode OfText(string text) => new(JsonValueKind.String, 0) { Text = text };

    /// <summary>Reads a JSON document; comments and trailing commas are allowed. Throws <see cref="JsonException"/>.</summary>
    public static SettingNode Parse(ReadOnlySpan<byte> utf8)
    {
        // A mark of byte order is no part of JSON, yet editors write one.
        utf8 = utf8.StartsWith(Encoding.UTF8.Preamble) ? utf8[Encoding.UTF8.Preamble.Length..] : utf8;
        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions
        {
            CommentHandling = JsonCommentHandling.Skip,
            AllowTrailingCommas = true,
            MaxDepth = 16,
        });
        var lines = new LineCounter();
        reader.Read();
        var root = ReadValue(ref reader, utf8, ref lines);
        reader.Read();
        return root;
    }

    private static SettingNode ReadValue(ref Utf8JsonReader reader, ReadOnlySpan<byte> utf8, ref LineCounter lines)
    {
        var line = lines.At(utf8, reader.TokenStartIndex);
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                var record = new SettingNode(JsonValueKind.Object, line);
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    var name = reader.GetString()!;
                    var at = lines.At(utf8, reader.TokenStartIndex);
                    reader.Read();
                    record.Members.Add((name, at, ReadValue(ref reader, utf8, ref lines)));
                }

                return record;
            case JsonTokenType.StartArray:
                var list = new SettingNode(JsonValueKind.Array, line);
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    list.Items.Add(ReadValue(ref reader, utf8, ref lines));
                }

                return list;
            case JsonTokenType.String:
                return new SettingNode(JsonValueKind.String, line) { Text = reader.GetString()! };
            case JsonTokenType.Number:
                return new SettingNode(JsonValueKind.Number, line) { Text = Encoding.UTF8.GetString(reader.ValueSpan) };
            case JsonTokenType.True:
                return new SettingNode(JsonValueKind.True, line) { Text = "true" };
            case JsonTokenType.False:
                return new SettingNode(JsonValueKind.False, line) { Text = "false" };
            default:
                return new SettingNode(JsonValueKind.Null, line) { Text = "null" };
        }
    }

    /// <summary>Counts lines going forward, each byte once.</summary>
    private struct LineCounter
    {
        private int _line;
        private int _position;

        public int At(ReadOnlySpan<byte> utf8, long position)
        {
            _line += utf8[_position..(int)position].Count((byte)'\n');
            _position = (int)position;
            return _line + 1;
        }
    }
}
