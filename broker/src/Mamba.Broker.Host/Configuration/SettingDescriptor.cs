using System.Reflection;
using System.Text.Json;

namespace Mamba.Broker.Host.Configuration;

internal enum SettingKind
{
    Section,
    Boolean,
    Integer,
    Number,
    Size,
    Duration,
    Endpoint,
    Choice,
    Text,
    TextList,
    RecordList,
}

/// <summary>One setting, or one section, as read from the options records.</summary>
internal sealed class SettingDescriptor
{
    private SettingDescriptor(string parentKey, PropertyInfo property, object owner)
    {
        Property = property;
        Attribute = property.GetCustomAttribute<SettingAttribute>()
            ?? throw new InvalidOperationException($"{property.DeclaringType}.{property.Name} has no [Setting].");
        Name = JsonNamingPolicy.CamelCase.ConvertName(property.Name);
        Key = parentKey.Length == 0 ? Name : $"{parentKey}.{Name}";
        Default = property.GetValue(owner);
        Type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        Kind = KindOf(Type, Attribute);
        Children = Kind switch
        {
            SettingKind.Section => Of(Type, Key),
            SettingKind.RecordList => Of(ElementType, ""),
            _ => [],
        };
    }

    /// <summary>Every section of <see cref="BrokerOptions"/> with what is below it.</summary>
    public static IReadOnlyList<SettingDescriptor> Root { get; } = Of(typeof(BrokerOptions), "");

    /// <summary>Every setting that is no section, in the order of the records.</summary>
    public static IEnumerable<SettingDescriptor> All => Root.SelectMany(s => s.Children);

    /// <summary>"maxFrameSize".</summary>
    public string Name { get; }

    /// <summary>"limits.maxFrameSize".</summary>
    public string Key { get; }

    public PropertyInfo Property { get; }

    public SettingAttribute Attribute { get; }

    public Type Type { get; }

    public SettingKind Kind { get; }

    public object? Default { get; }

    /// <summary>The settings of a section, or of one record of a list.</summary>
    public IReadOnlyList<SettingDescriptor> Children { get; }

    public Type ElementType => Type.GetGenericArguments()[0];

    /// <summary>"MAMBA__LIMITS__MAXFRAMESIZE".</summary>
    public string Variable => "MAMBA__" + Key.Replace(".", "__", StringComparison.Ordinal).ToUpperInvariant();

    public static IReadOnlyList<SettingDescriptor> Of(Type record, string key)
    {
        var defaults = Activator.CreateInstance(record)!;
        return [.. record.GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
            .Where(p => p.CanWrite)
            .Select(p => new SettingDescriptor(key, p, defaults))];
    }

    private static SettingKind KindOf(Type type, SettingAttribute attribute) => type switch
    {
        _ when attribute.Unit == SettingUnit.Bytes => SettingKind.Size,
        _ when type == typeof(bool) => SettingKind.Boolean,
        _ when type == typeof(int) || type == typeof(long) => SettingKind.Integer,
        _ when type == typeof(double) => SettingKind.Number,
        _ when type == typeof(TimeSpan) => SettingKind.Duration,
        _ when type == typeof(Endpoint) => SettingKind.Endpoint,
        _ when type == typeof(string) => SettingKind.Text,
        _ when type == typeof(IReadOnlyList<string>) => SettingKind.TextList,
        _ when type.IsEnum => SettingKind.Choice,
        _ when type.IsGenericType => SettingKind.RecordList,
        _ => SettingKind.Section,
    };
}
