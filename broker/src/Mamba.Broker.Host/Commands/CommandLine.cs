using System.CommandLine;
using System.Reflection;
using Mamba.Broker.Host.Configuration;

namespace Mamba.Broker.Host.Commands;

/// <summary>The command line: starting the broker is the root command, everything else a command of its own.</summary>
internal static class CommandLine
{
    private static readonly Option<string?> Config = new("--config")
    {
        Description = "The configuration file (JSON); see `mamba-broker config schema`.",
        HelpName = "FILE",
    };

    private static readonly Option<string[]> Set = new("--set")
    {
        Description = "Any setting by its key, for example limits.maxMessageSize=64MiB. May be repeated.",
        HelpName = "KEY=VALUE",
    };

    public static async Task<int> RunAsync(string[] arguments)
    {
        var parsed = Create().Parse(arguments);
        if (parsed.Errors.Count == 0)
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        }

        foreach (var error in parsed.Errors)
        {
            await Console.Error.WriteLineAsync($"mamba-broker: {error.Message}");
        }

        await Console.Error.WriteLineAsync("`mamba-broker --help` shows what can be given.");
        return ExitCode.Configuration;
    }

    private static RootCommand Create()
    {
        var settings = SettingDescriptor.All.Where(s => s.Attribute.Option is not null).Select(s => (Setting: s, Option: OptionOf(s))).ToList();
        var root = new RootCommand(
            "Mamba, an AMQP 1.0 broker. Without a command it starts and runs until SIGTERM or Ctrl-C.\n\n"
            + "Settings come from the defaults, then the file given by --config (or MAMBA__CONFIG), then environment variables\n"
            + "(limits.maxFrameSize is MAMBA__LIMITS__MAXFRAMESIZE), then the command line; the later one holds.");
        root.Options.Add(Config);
        foreach (var (_, option) in settings)
        {
            root.Options.Add(option);
        }

        root.Options.Add(Set);
        foreach (var option in root.Options)
        {
            if (option is VersionOption version)
            {
                version.Action = new VersionAction();
            }
        }

        root.SetAction((parsed, _) => RunCommand.RunAsync(Layers(parsed, settings)));
        root.Subcommands.Add(CreateUserCommand(settings));
        root.Subcommands.Add(CreateConfigCommand());
        return root;
    }

    private static Option<string?> OptionOf(SettingDescriptor setting) => new(setting.Attribute.Option!)
    {
        Description = setting.Attribute.Description + $" Default: {setting.Default}.",
        HelpName = setting.Kind == SettingKind.Endpoint ? "HOST:PORT" : "DIR",
    };

    private static Command CreateUserCommand(List<(SettingDescriptor Setting, Option<string?> Option)> settings)
    {
        var data = settings.Single(s => string.Equals(s.Setting.Key, "storage.directory", StringComparison.Ordinal)).Option;
        var users = new Command("user", "Adds, lists and removes users. A running broker takes changes over at once.");

        var name = new Argument<string>("NAME") { Description = "The user's name." };
        var add = new Command("add", "Adds a user, or gives one a new password. The password is read from standard input: asked for twice at a terminal, one line otherwise.");
        add.Arguments.Add(name);
        add.SetAction(parsed => UserCommands.Add(parsed.GetValue(name)!, Directory(parsed)));
        users.Subcommands.Add(add);

        var remove = new Command("remove", "Removes a user. Connections that are open stay open.");
        remove.Arguments.Add(name);
        remove.SetAction(parsed => UserCommands.Remove(parsed.GetValue(name)!, Directory(parsed)));
        users.Subcommands.Add(remove);

        var list = new Command("list", "Lists the users, one to a line.");
        list.SetAction(parsed => UserCommands.List(Directory(parsed)));
        users.Subcommands.Add(list);

        foreach (var command in users.Subcommands)
        {
            command.Options.Add(Config);
            command.Options.Add(data);
        }

        return users;

        SettingLayers Directory(ParseResult parsed) => Layers(parsed, settings);
    }

    private static Command CreateConfigCommand()
    {
        var config = new Command("config", "Checks a configuration, or prints the schema of its file.");

        var check = new Command("check", "Checks the settings as a start would, without taking ports or the data directory.");
        check.Options.Add(Config);
        check.Options.Add(Set);
        check.SetAction(parsed => ConfigCommands.Check(Layers(parsed, [])));
        config.Subcommands.Add(check);

        var schema = new Command("schema", "Prints the JSON schema of the configuration file.");
        schema.SetAction(_ => ConfigCommands.PrintSchema());
        config.Subcommands.Add(schema);
        return config;
    }

    private static SettingLayers Layers(ParseResult parsed, List<(SettingDescriptor Setting, Option<string?> Option)> settings)
    {
        var layers = new SettingLayers();
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (System.Collections.DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            variables[(string)variable.Key] = (string?)variable.Value ?? "";
        }

        if ((parsed.GetValue(Config) ?? variables.GetValueOrDefault(SettingLayers.ConfigVariable)) is { } file)
        {
            layers.AddFile(file);
        }

        layers.AddVariables(variables);
        foreach (var (setting, option) in settings)
        {
            if (parsed.GetValue(option) is { } value)
            {
                layers.AddOption(setting, value);
            }
        }

        foreach (var assignment in parsed.GetValue(Set) ?? [])
        {
            layers.AddAssignment(assignment);
        }

        return layers;
    }

    private sealed class VersionAction : System.CommandLine.Invocation.SynchronousCommandLineAction
    {
        public override bool Terminating => true;

        public override int Invoke(ParseResult parseResult)
        {
            Console.Out.WriteLine($"mamba-broker {Product.Version}");
            return ExitCode.Success;
        }
    }
}

/// <summary>What this program is.</summary>
internal static class Product
{
    /// <summary>The version without build metadata, for example 0.1.0.</summary>
    public static string Version { get; } = typeof(Product).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
        .InformationalVersion.Split('+')[0];
}
