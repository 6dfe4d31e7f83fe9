using System.Net;
using System.Net.Sockets;
using Mamba.Broker.Server.Security;
using Microsoft.Extensions.Logging.Abstractions;

namespace Mamba.Broker.Host.Configuration;

/// <summary>
/// Holds the settings against the machine and against each other: what no single value can show to be wrong. Adds everything
/// it finds to the problems of the layers, so that all of it is reported at once.
/// </summary>
internal sealed class StartupChecks(BrokerOptions options, SettingLayers layers)
{
    private IReadOnlyList<(string Key, IPEndPoint? Endpoint, bool IsPlain)> _listeners = [];

    /// <summary>The endpoints; meaningful when there are no problems.</summary>
    public ResolvedEndpoints Endpoints { get; private set; } = new(null, null, null, null);

    /// <summary>Whether ANONYMOUS is accepted: see <see cref="AnonymousAccess"/>.</summary>
    public bool AllowsAnonymous => options.Security.Anonymous switch
    {
        AnonymousAccess.True => true,
        AnonymousAccess.False => false,
        _ => Endpoints.AllLoopback,
    };

    /// <summary>What can be said without taking a port or the data directory.</summary>
    public void CheckSettings()
    {
        ResolveEndpoints();
        CheckTls();
        CheckRules();
        new PermissionChecks(options.Security, layers).Check();
        new SharedAccessKeyChecks(options.Security, layers).Check();
        new DivertChecks(options.Addresses, layers).Check();
        new FailoverChecks(options.Connections, layers).Check();
        CheckAnnouncement();
        CheckAccess(CountUsers());
    }

    private void CheckAnnouncement()
    {
        if (options.Clients.RabbitMqVersion is { Length: > 0 } version && (version.Count(static c => c == '.') != 2 || !Version.TryParse(version, out _)))
        {
            Add("clients.rabbitMqVersion", $"is \"{version}\", which is no version.", "Give three numbers, for example \"4.2.0\", or nothing.");
        }
    }

    /// <summary>Whether each port is free.</summary>
    public void CheckPorts()
    {
        foreach (var (key, endpoint, _) in _listeners)
        {
            if (endpoint is not null && WhyNotBindable(endpoint) is var (what, remedy))
            {
                Add(key, $"is {endpoint}, {what}", remedy);
            }
        }
    }

    /// <summary>Takes the data directory, or null with the problem added.</summary>
    public DataDirectory? TakeDataDirectory()
    {
        try
        {
            return DataDirectory.Open(options.Storage.Directory);
        }
        catch (DataDirectoryException e)
        {
            Add("storage.directory", e.Message, e.Remedy);
            return null;
        }
    }

    private static (string What, string Remedy)? WhyNotBindable(IPEndPoint endpoint)
    {
        try
        {
            using var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(endpoint); // and no Listen: a client that connects meanwhile would be cut off
            return null;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse => ("a port that another process is using.", "Stop that process, or give another port; port 0 takes a free one."),
                SocketError.AddressNotAvailable => ("an address that this machine does not have.", "Give an address of this machine, 127.0.0.1 or 0.0.0.0."),
                SocketError.AccessDenied => ("a port that this process may not use.", "Give a port above 1023, or the right to bind lower ones."),
                _ => ($"which cannot be bound: {e.Message}.", "Give another address or port."),
            };
        }
    }

    private static string Quoted(string path) => path.Contains(' ', StringComparison.Ordinal) ? $"'{path}'" : path;

    private static IPAddress? Resolve(string host)
    {
        if (IPAddress.TryParse(host, out var address))
        {
            return address;
        }

        try
        {
            var all = Dns.GetHostAddresses(host);
            return Array.Find(all, a => a.AddressFamily == AddressFamily.InterNetwork) ?? all.FirstOrDefault();
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            return null;
        }
    }

    private void ResolveEndpoints()
    {
        var listeners = options.Listeners;
        _listeners =
        [
            ("listeners.amqp", EndpointOf("listeners.amqp", listeners.Amqp), true),
            ("listeners.amqps", EndpointOf("listeners.amqps", listeners.Amqps), false),
            ("listeners.console", EndpointOf("listeners.console", listeners.Console), true),
            ("listeners.secureConsole", EndpointOf("listeners.secureConsole", listeners.SecureConsole), false),
        ];
        Endpoints = new ResolvedEndpoints(_listeners[0].Endpoint, _listeners[1].Endpoint, _listeners[2].Endpoint, _listeners[3].Endpoint);

        if (listeners is { Amqp.IsOff: true, Amqps.IsOff: true, Console.IsOff: true, SecureConsole.IsOff: true })
        {
            Add("listeners.amqp", "is off like listeners.amqps, listeners.console and listeners.secureConsole, so that nobody could connect.", "Give at least one of them a HOST:PORT.");
        }

        for (var i = 1; i < _listeners.Count; i++)
        {
            var other = _listeners.Take(i).FirstOrDefault(l => l.Endpoint is { Port: > 0 } && l.Endpoint.Equals(_listeners[i].Endpoint));
            if (other.Key is not null)
            {
                Add(_listeners[i].Key, $"is {_listeners[i].Endpoint}, the same as {other.Key}.", "Give each listener a port of its own.");
            }
        }
    }

    private IPEndPoint? EndpointOf(string key, Endpoint endpoint)
    {
        if (endpoint.IsOff)
        {
            return null;
        }

        if (Resolve(endpoint.Host) is { } address)
        {
            return new IPEndPoint(address, endpoint.Port);
        }

        Add(key, $"names the host \"{endpoint.Host}\", which has no address.", "Give an IP address of this machine, or a host name that resolves to one.");
        return null;
    }

    private void CheckTls()
    {
        var tls = options.Tls;
        if (tls.Certificate is null)
        {
            foreach (var (key, endpoint) in new[]
            {
                ("listeners.amqps", options.Listeners.Amqps),
                ("listeners.secureConsole", options.Listeners.SecureConsole),
            })
            {
                if (!endpoint.IsOff)
                {
                    Add(key, $"is {endpoint}, but there is no certificate.", "Set tls.certificate (and tls.certificateKey) to PEM files or to a PFX file.");
                }
            }

            foreach (var (key, value) in new[]
            {
                ("tls.certificateKey", tls.CertificateKey),
                ("tls.certificatePasswordFile", tls.CertificatePasswordFile),
                ("tls.clientCertificateAuthority", tls.ClientCertificateAuthority),
            })
            {
                if (value is not null)
                {
                    Add(key, "is given without tls.certificate, and has no effect.", "Set tls.certificate as well, or leave it out.");
                }
            }

            return;
        }

        if (!FilesExist())
        {
            return;
        }

        try
        {
            using var certificates = TlsCertificates.Load(TlsFiles(tls), TimeProvider.System, NullLogger.Instance);
        }
        catch (TlsFileException e)
        {
            var key = string.Equals(e.Path, tls.ClientCertificateAuthority, StringComparison.Ordinal) ? "tls.clientCertificateAuthority"
                : string.Equals(e.Path, tls.CertificatePasswordFile, StringComparison.Ordinal) ? "tls.certificatePasswordFile"
                : "tls.certificate";
            Add(key, $"is a file that cannot serve: {e.Message}", e.Remedy);
        }
    }

    /// <summary>The files as the server takes them; call only when there is a certificate.</summary>
    internal static TlsFiles TlsFiles(TlsOptions tls) => new(tls.Certificate!, tls.CertificateKey, tls.CertificatePasswordFile, tls.ClientCertificateAuthority);

    private bool FilesExist()
    {
        var allThere = true;
        foreach (var setting in SettingDescriptor.Root.Single(s => string.Equals(s.Name, "tls", StringComparison.Ordinal)).Children)
        {
            if (setting.Property.GetValue(options.Tls) is string path && !File.Exists(path))
            {
                Add(setting.Key, $"is {Path.GetFullPath(path)}, which does not exist.", "Give the path of a file that is there.");
                allThere = false;
            }
        }

        return allThere;
    }

    private void CheckLimits(AddressRuleOptions rule, string where)
    {
        if (rule.Overflow != Overflow.Reject && rule is { MaxLength: null, MaxBytes: null })
        {
            layers.Problems.Add(new Problem($"{where}.overflow", "says what happens beyond a limit, and there is none.", "Give maxLength or maxBytes."));
        }

        if (rule.DeadLetterDropped && rule.Overflow != Overflow.DropHead)
        {
            layers.Problems.Add(new Problem($"{where}.deadLetterDropped", "is about messages that are dropped, and none are.", "Set overflow to dropHead."));
        }
    }

    private void CheckRetry(RetryOptions retry, string where)
    {
        if (retry.MaxDelay < retry.Delay)
        {
            layers.Problems.Add(new Problem($"{where}.retry.maxDelay",
                $"is {Quantity.Duration((long)retry.MaxDelay.TotalMilliseconds)}, shorter than the first wait ({Quantity.Duration((long)retry.Delay.TotalMilliseconds)}).",
                "Set maxDelay to delay or more, or delay to less."));
        }
    }

    private void CheckRules()
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < options.Addresses.Rules.Count; i++)
        {
            var pattern = options.Addresses.Rules[i].Pattern;
            var where = $"{layers.Where("addresses.rules")}, [{i}].pattern";
            if (pattern.Length == 0)
            {
                layers.Problems.Add(new Problem(where, "is missing.", "Give the address or pattern that the rule applies to, for example \"orders.*\"."));
            }
            else if (!IsPattern(pattern))
            {
                layers.Problems.Add(new Problem(where, $"is \"{pattern}\", which is no pattern: * stands for a whole level, # only at the end for all that follow.",
                    "Write for example \"orders.*\" or \"orders.#\"."));
            }
            else if (!seen.Add(pattern))
            {
                layers.Problems.Add(new Problem(where, $"is \"{pattern}\" a second time, and the first one holds.", "Remove one of the two rules."));
            }

            CheckLimits(options.Addresses.Rules[i], $"{layers.Where("addresses.rules")}, [{i}]");
            if (options.Addresses.Rules[i].Retry is { } retry)
            {
                CheckRetry(retry, $"{layers.Where("addresses.rules")}, [{i}]");
            }
        }
    }

    /// <summary>Whether a rule can have this pattern.</summary>
    internal static bool IsPattern(string pattern)
    {
        var levels = pattern.Split('.');
        for (var i = 0; i < levels.Length; i++)
        {
            var isWildcard = levels[i] is "*" || (levels[i] is "#" && i == levels.Length - 1);
            if (!isWildcard && levels[i].AsSpan().ContainsAny('*', '#'))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Users in the credential file; null, with the problem added, when it cannot be used.</summary>
    private int? CountUsers()
    {
        try
        {
            return CredentialFile.Load(DataDirectory.UsersOf(options.Storage.Directory)).Names.Count;
        }
        catch (CredentialFileException e)
        {
            Add("storage.directory", "holds a credential file that cannot be used.", e.Message);
            return null;
        }
    }

    /// <summary>What other machines can reach needs users, no anonymous access, and encryption unless it was waived.</summary>
    private void CheckAccess(int? users)
    {
        var security = options.Security;
        if (security.Mechanisms.Count == 0 && security.SharedAccessKeys.Count == 0 && security.Anonymous == AnonymousAccess.False)
        {
            Add("security.mechanisms", "is empty while security.anonymous is false, so that nobody could log in.", "Name at least one mechanism, for example SCRAM-SHA-256.");
        }

        if (security.Management == ManagementAccess.Users && security.ManagementUsers.Count == 0)
        {
            Add("security.managementUsers", "is empty while security.management is users.", "Name at least one user, or set security.management to none.");
        }
        else if (security.Management != ManagementAccess.Users && security.ManagementUsers.Count > 0)
        {
            Add("security.managementUsers", "names users while security.management is not users, so that it would mean nothing.",
                "Set security.management to users, or leave security.managementUsers out.");
        }

        var reachable = _listeners.Where(l => l.Endpoint is not null && !IPAddress.IsLoopback(l.Endpoint.Address)).ToList();
        if (reachable.Count == 0)
        {
            return;
        }

        var addUser = $"`mamba-broker user add NAME --data {Quoted(options.Storage.Directory)}`";
        if (security.Anonymous == AnonymousAccess.True)
        {
            Add("security.anonymous", $"is true while other machines can reach {string.Join(", ", reachable.Select(l => $"{l.Key} ({l.Endpoint})"))}.",
                $"Set security.anonymous to false and add users with {addUser}, or listen on a loopback address such as 127.0.0.1.");
        }

        foreach (var (key, endpoint, isPlain) in reachable)
        {
            if (users == 0 && security.SharedAccessKeys.Count == 0 && options.Tls.ClientCertificateAuthority is null)
            {
                Add(key, $"is {endpoint}, which other machines can reach, and there are no users who could log in.",
                    $"Add one with {addUser} and set security.anonymous to false, or listen on a loopback address such as 127.0.0.1:{endpoint!.Port}.");
            }

            if (isPlain && !options.Listeners.AllowUnencrypted)
            {
                Add(key, $"is {endpoint}, which other machines can reach, without encryption.",
                    "Use listeners.amqps with tls.certificate, or set listeners.allowUnencrypted to true where the network is trusted.");
            }
        }
    }

    private void Add(string key, string what, string remedy) => layers.Problems.Add(new Problem(layers.Where(key), what, remedy));
}
