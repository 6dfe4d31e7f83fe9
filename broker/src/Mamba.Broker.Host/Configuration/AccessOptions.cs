namespace Mamba.Broker.Host.Configuration;

/// <summary>What a rule of security.permissions can permit.</summary>
internal sealed record PermissionOptions
{
    [Setting("Addresses it applies to, words divided by dots: * is one word, # at the end any number; $temporary stands for all temporary nodes.",
        Min = 1, Max = 255, Required = true, Example = "orders.#")]
    public string Pattern { get; init; } = "";

    [Setting("Users it applies to, by the names they log in with; * is everybody, anonymous whoever connects without credentials.", Example = "alice")]
    public IReadOnlyList<string> Users { get; init; } = [];

    [Setting("Groups of security.groups it applies to.", Example = "traders")]
    public IReadOnlyList<string> Groups { get; init; } = [];

    [Setting("What they may do there; an empty list refuses everything. receive includes browse.",
        Choices = ["send", "receive", "browse", "create", "manage"])]
    public IReadOnlyList<string> Actions { get; init; } = [];
}

internal sealed record SharedAccessKeyOptions
{
    [Setting("What connection strings call it: SharedAccessKeyName.", Min = 1, Max = 255, Required = true, Example = "app")]
    public string Name { get; init; } = "";

    [Setting("The secret, as connection strings have it: SharedAccessKey. Better kept in a file of its own: keyFile.")]
    public string? Key { get; init; }

    [Setting("A file whose first line is the secret.", Unit = SettingUnit.File, Example = "/etc/mamba/app.key")]
    public string? KeyFile { get; init; }

    [Setting("The user that its clients act as, for security.permissions; the key's name when it is left out.", Min = 1, Max = 255, Example = "app")]
    public string? User { get; init; }
}

internal sealed record GroupOptions
{
    [Setting("The name that rules of security.permissions give it.", Min = 1, Max = 255, Required = true, Example = "traders")]
    public string Name { get; init; } = "";

    [Setting("The users in it, by the names they log in with.", Example = "alice")]
    public IReadOnlyList<string> Users { get; init; } = [];
}
