using System.Globalization;
using System.Text;
using Mamba.Amqp.Sasl;
using Mamba.Broker.Host.Configuration;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Host.Commands;

/// <summary>Edits of the credential file in a data directory; they need no broker, and disturb none.</summary>
internal static class UserCommands
{
    private const int MaxNameLength = 255;
    private const int MaxPasswordLength = 1024;

    public static int Add(string name, SettingLayers layers) => Edit(layers, (file, path) =>
    {
        if (name.Length is 0 or > MaxNameLength || !SaslPrep.TryPrepare(name, out _))
        {
            return Fail($"The name must have 1 to {MaxNameLength} characters and no control characters.");
        }

        if (ReadPassword() is not { } password)
        {
            return Fail("The two passwords differ; nothing was changed.");
        }

        if (password.Length is 0 or > MaxPasswordLength)
        {
            return Fail($"The password must have 1 to {MaxPasswordLength} characters; it is read as one line from standard input.");
        }

        if (!SaslPrep.TryPrepare(password, out _))
        {
            return Fail("The password holds a control character or another one that SASL does not allow (RFC 4013).");
        }

        var known = file.Names.Contains(SaslPrep.Prepare(name), StringComparer.Ordinal);
        file.With(name, password, TimeProvider.System.GetUtcNow()).Save(path);
        Console.Out.WriteLine(known ? $"{LogText.Clean(name)} has a new password." : $"{LogText.Clean(name)} was added.");
        return ExitCode.Success;
    });

    public static int Remove(string name, SettingLayers layers) => Edit(layers, (file, path) =>
    {
        if (file.Without(name) is not { } without)
        {
            return Fail($"There is no user {LogText.Clean(name)}; `mamba-broker user list` shows those there are.");
        }

        without.Save(path);
        Console.Out.WriteLine($"{LogText.Clean(name)} was removed.");
        return ExitCode.Success;
    });

    public static int List(SettingLayers layers) => WithDirectory(layers, directory =>
    {
        var file = CredentialFile.Load(DataDirectory.UsersOf(directory));
        foreach (var name in file.Names)
        {
            Console.Out.WriteLine($"{LogText.Clean(name)}\tsince {file.Created(name).UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)} UTC");
        }

        return ExitCode.Success;
    });

    private static int Edit(SettingLayers layers, Func<CredentialFile, string, int> edit) => WithDirectory(layers, directory =>
    {
        DurableFile.CreateFolder(Path.GetFullPath(directory));

        // Two edits at the same time would each start from the same file, and one would be lost.
        using var turn = new FileStream(Path.Combine(directory, "users.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        var path = DataDirectory.UsersOf(directory);
        return edit(CredentialFile.Load(path), path);
    });

    private static int WithDirectory(SettingLayers layers, Func<string, int> action)
    {
        if (layers.Problems.Count > 0)
        {
            Console.Error.WriteLine(Problem.Report("Nothing was done", layers.Problems));
            return ExitCode.Configuration;
        }

        try
        {
            return action(layers.Build().Storage.Directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Fail(e.Message);
        }
    }

    /// <summary>The password; null when it was typed twice and differs.</summary>
    private static string? ReadPassword()
    {
        if (Console.IsInputRedirected)
        {
            return Console.In.ReadLine() ?? "";
        }

        var first = Ask("Password: ");
        return string.Equals(Ask("Again: "), first, StringComparison.Ordinal) ? first : null;
    }

    private static string Ask(string prompt)
    {
        Console.Error.Write(prompt);
        var typed = new StringBuilder();
        while (Console.ReadKey(intercept: true) is var key && key.Key != ConsoleKey.Enter)
        {
            if (key.Key == ConsoleKey.Backspace)
            {
                typed.Length = Math.Max(0, typed.Length - 1);
            }
            else if (key.KeyChar != '\0')
            {
                typed.Append(key.KeyChar);
            }
        }

        Console.Error.WriteLine();
        return typed.ToString();
    }

    private static int Fail(string message)
    {
        Console.Error.WriteLine($"mamba-broker: {message}");
        return ExitCode.Configuration;
    }
}
