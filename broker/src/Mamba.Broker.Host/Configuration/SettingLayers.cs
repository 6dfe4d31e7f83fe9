using System.Text;
using System.Text.Json;

namespace Mamba.Broker.Host.Configuration;

/// <summary>
/// Puts the sources of settings on top of each other: defaults, then the configuration file, then environment variables
/// (MAMBA__SECTION__SETTING), then the command line. Each value is checked where it stands, also one that a later source
/// replaces, and everything that is wrong is collected rather than thrown.
/// </summary>
internal sealed class SettingLayers
{
    /// <summary>Names the configuration file like --config does, where no option can be given.</summary>
    public const string ConfigVariable = "MAMBA__CONFIG";

    private readonly Dictionary<SettingDescriptor, (object Value, string Where)> _values = [];
    private readonly SettingReader _reader;

    public SettingLayers() => _reader = new SettingReader(Problems);

    public List<Problem> Problems { get; } = [];

    /// <summary>The setting as it was given, for messages: file key with line, variable, option, or the key and that it is the default.</summary>
    public string Where(string key)
    {
        var setting = SettingDescriptor.All.Single(s => string.Equals(s.Key, key, StringComparison.Ordinal));
        return _values.TryGetValue(setting, out var given) ? given.Where : $"{key} (its default)";
    }

    /// <summary>The options as all sources together give them; meaningful when there are no problems.</summary>
    public BrokerOptions Build()
    {
        var options = new BrokerOptions();
        foreach (var section in SettingDescriptor.Root)
        {
            var record = section.Property.GetValue(options)!;
            foreach (var setting in section.Children)
            {
                if (_values.TryGetValue(setting, out var given))
                {
                    setting.Property.SetValue(record, given.Value);
                }
            }
        }

        return options;
    }

    public void AddFile(string path)
    {
        SettingNode root;
        try
        {
            root = SettingNode.Parse(File.ReadAllBytes(path));
        }
        catch (JsonException e)
        {
            Problems.Add(new Problem($"{path}, line {e.LineNumber + 1}", "is not valid JSON: " + FirstSentence(e.Message),
                "Correct the file; `mamba-broker config check --config FILE` checks it without starting."));
            return;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Problems.Add(new Problem("--config", $"names {path}, which cannot be read: {e.Message}", "Give the path of a readable JSON file, or leave --config out."));
            return;
        }

        if (root.Kind != JsonValueKind.Object)
        {
            Problems.Add(new Problem(path, "is not a JSON object.", "Put the settings between { and }."));
            return;
        }

        var file = Path.GetFileName(path);
        foreach (var (name, line, value) in Distinct(root, "", file))
        {
            if (string.Equals(name, "$schema", StringComparison.Ordinal))
            {
                continue;
            }

            var section = SettingDescriptor.Root.FirstOrDefault(s => string.Equals(s.Name, name, StringComparison.Ordinal));
            if (section is null)
            {
                AddUnknown(Place(name, file, line), name, SettingDescriptor.Root.Select(s => s.Name));
            }
            else if (value.Kind != JsonValueKind.Object)
            {
                Problems.Add(new Problem(Place(name, file, line), "is not an object.", $"Write it as \"{name}\": {{ ... }} with settings inside."));
            }
            else
            {
                AddSection(section, value, file);
            }
        }
    }

    public void AddVariables(IReadOnlyDictionary<string, string> variables)
    {
        foreach (var (name, value) in variables.OrderBy(v => v.Key, StringComparer.Ordinal))
        {
            if (!name.StartsWith("MAMBA__", StringComparison.OrdinalIgnoreCase) || string.Equals(name, ConfigVariable, StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            var where = $"{name} (environment variable)";
            var setting = SettingDescriptor.All.FirstOrDefault(s => string.Equals(s.Variable, name, StringComparison.OrdinalIgnoreCase));
            if (setting is null)
            {
                AddUnknown(where, name.ToUpperInvariant(), SettingDescriptor.All.Select(s => s.Variable));
            }
            else
            {
                AddText(setting, value, where);
            }
        }
    }

    /// <summary>Adds the value of an option that stands for one setting, such as --amqp.</summary>
    public void AddOption(SettingDescriptor setting, string value) => AddText(setting, value, setting.Attribute.Option!);

    /// <summary>Adds one KEY=VALUE of --set.</summary>
    public void AddAssignment(string assignment)
    {
        var equals = assignment.IndexOf('=');
        if (equals <= 0)
        {
            Problems.Add(new Problem($"--set {assignment}", "is not of the form KEY=VALUE.", "Write for example --set limits.maxMessageSize=64MiB."));
            return;
        }

        var key = assignment[..equals];
        var setting = SettingDescriptor.All.FirstOrDefault(s => string.Equals(s.Key, key, StringComparison.Ordinal));
        if (setting is null)
        {
            AddUnknown($"--set {key}", key, SettingDescriptor.All.Select(s => s.Key));
        }
        else
        {
            AddText(setting, assignment[(equals + 1)..], $"--set {key}");
        }
    }

    private static string Place(string key, string file, int line) => $"{key} ({file}, line {line})";

    private static string FirstSentence(string message)
    {
        var end = message.IndexOf(". ", StringComparison.Ordinal);
        return end < 0 ? message : message[..(end + 1)];
    }

    private void AddSection(SettingDescriptor section, SettingNode node, string file)
    {
        foreach (var (name, line, value) in Distinct(node, section.Key, file))
        {
            var where = Place($"{section.Key}.{name}", file, line);
            var setting = section.Children.FirstOrDefault(s => string.Equals(s.Name, name, StringComparison.Ordinal));
            if (setting is null)
            {
                AddUnknown(where, name, section.Children.Select(s => s.Name));
            }
            else if (setting.Kind == SettingKind.RecordList)
            {
                AddRecords(setting, value, where, file);
            }
            else if (_reader.Read(setting, value, where) is { } read)
            {
                _values[setting] = (read, where);
            }
        }
    }

    private void AddText(SettingDescriptor setting, string text, string where)
    {
        if (setting.Kind != SettingKind.RecordList)
        {
            if (_reader.Read(setting, SettingNode.OfText(text), where) is { } read)
            {
                _values[setting] = (read, where);
            }

            return;
        }

        try
        {
            AddRecords(setting, SettingNode.Parse(Encoding.UTF8.GetBytes(text)), where, file: null);
        }
        catch (JsonException e)
        {
            Problems.Add(new Problem(where, "is not valid JSON: " + FirstSentence(e.Message), "Write the list as it would stand in the configuration file."));
        }
    }

    private void AddRecords(SettingDescriptor setting, SettingNode node, string where, string? file)
    {
        if (node.Kind != JsonValueKind.Array)
        {
            Problems.Add(new Problem(where, "is not a list.", "Write it as a list of objects in square brackets."));
            return;
        }

        var records = (System.Collections.IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(setting.ElementType))!;
        for (var i = 0; i < node.Items.Count; i++)
        {
            var key = $"{setting.Key}[{i}]";
            var item = node.Items[i];
            if (item.Kind == JsonValueKind.Object)
            {
                records.Add(ReadRecord(setting.ElementType, setting.Children, item, key, (name, line) => file is null ? $"{where}, [{i}].{name}" : Place($"{key}.{name}", file, line)));
            }
            else
            {
                Problems.Add(new Problem(file is null ? where : Place(key, file, item.Line), "is not an object.", "Write each entry between { and }."));
            }
        }

        _values[setting] = (records, where);
    }

    private object ReadRecord(Type type, IReadOnlyList<SettingDescriptor> settings, SettingNode node, string key, Func<string, int, string> place)
    {
        var record = Activator.CreateInstance(type)!;
        foreach (var (name, line, value) in Distinct(node, key, file: null, place))
        {
            var where = place(name, line);
            var setting = settings.FirstOrDefault(s => string.Equals(s.Name, name, StringComparison.Ordinal));
            if (setting is null)
            {
                AddUnknown(where, name, settings.Select(s => s.Name));
            }
            else if (setting.Kind == SettingKind.Section)
            {
                if (value.Kind == JsonValueKind.Object)
                {
                    setting.Property.SetValue(record, ReadRecord(
                        setting.Type, setting.Children, value, $"{key}.{name}", (inner, at) => place($"{name}.{inner}", at)));
                }
                else
                {
                    Problems.Add(new Problem(where, "is not an object.", $"Write it as \"{name}\": {{ ... }} with settings inside."));
                }
            }
            else if (_reader.Read(setting, value, where) is { } read)
            {
                setting.Property.SetValue(record, read);
            }
        }

        return record;
    }

    /// <summary>The members of an object, each name once; a second one is reported, since JSON does not say which of them holds.</summary>
    private IEnumerable<(string Name, int Line, SettingNode Value)> Distinct(
        SettingNode node, string parent, string? file, Func<string, int, string>? place = null)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var member in node.Members)
        {
            if (seen.Add(member.Name))
            {
                yield return member;
                continue;
            }

            var key = parent.Length == 0 ? member.Name : $"{parent}.{member.Name}";
            Problems.Add(new Problem(place?.Invoke(member.Name, member.Line) ?? Place(key, file!, member.Line), "is given twice.", "Remove one of the two."));
        }
    }

    private void AddUnknown(string where, string name, IEnumerable<string> known)
    {
        var nearest = known.Select(k => (Name: k, Distance: Distance(name, k))).MinBy(k => k.Distance);
        var close = nearest.Distance <= Math.Max(2, name.Length / 3);
        Problems.Add(new Problem(where, "is not a setting of this broker.",
            close ? $"Did you mean {nearest.Name}?" : "Remove it; `mamba-broker config schema` prints all settings."));
    }

    /// <summary>Edits between two names (Levenshtein), letter case ignored.</summary>
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var substitute = diagonal + (char.ToUpperInvariant(a[i - 1]) == char.ToUpperInvariant(b[j - 1]) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substitute, 1 + Math.Min(row[j], row[j - 1]));
            }
        }

        return row[^1];
    }
}
