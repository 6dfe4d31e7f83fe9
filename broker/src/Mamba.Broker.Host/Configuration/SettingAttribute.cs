namespace Mamba.Broker.Host.Configuration;

/// <summary>How the text of a setting is read.</summary>
internal enum SettingUnit
{
    /// <summary>As the property's type says.</summary>
    None,

    /// <summary>A number of bytes, or text with a unit: "64 KiB", "16 MiB", "2 GiB".</summary>
    Bytes,

    /// <summary>HOST:PORT, or "off".</summary>
    Endpoint,

    /// <summary>A path of a file that must exist and be readable.</summary>
    File,

    /// <summary>A path of a directory.</summary>
    Directory,
}

/// <summary>
/// Describes one setting. The configuration file, its schema, the environment variables, the command line and every
/// message about a wrong value are all made from these, so that they cannot drift apart.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class SettingAttribute(string description) : Attribute
{
    /// <summary>What the setting does, one sentence, no unit.</summary>
    public string Description { get; } = description;

    public SettingUnit Unit { get; init; }

    /// <summary>Smallest value of a number, number of bytes or number of milliseconds; the shortest length of a text.</summary>
    public long Min { get; init; } = long.MinValue;

    /// <summary>Largest value of a number, number of bytes or number of milliseconds; the longest length of a text.</summary>
    public long Max { get; init; } = long.MaxValue;

    /// <summary>Values a text, or each text of a list, can have; null when free.</summary>
    public string[]? Choices { get; init; }

    /// <summary>The command line option of its own, with its dashes; every setting can also be given by --set.</summary>
    public string? Option { get; init; }

    /// <summary>Whether each record of a list needs it.</summary>
    public bool Required { get; init; }

    /// <summary>A value that works, for messages.</summary>
    public string? Example { get; init; }
}
