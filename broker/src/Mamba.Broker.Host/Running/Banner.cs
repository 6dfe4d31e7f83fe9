using System.Globalization;
using System.Net;
using Mamba.Broker.Host.Commands;

namespace Mamba.Broker.Host.Running;

/// <summary>What the process prints when it is ready: where it listens, where its data is, who may come in, what to try first.</summary>
internal static class Banner
{
    public static string Write(ListeningOn listening, string dataDirectory, bool allowsAnonymous, bool hasUsers, TimeSpan startup)
    {
        var text = new StringWriter { NewLine = "\n" };
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Mamba {Product.Version}, process {Environment.ProcessId}"));
        if (listening.Amqp is not null)
        {
            text.WriteLine($"  AMQP     {listening.Amqp}");
        }

        if (listening.Amqps is not null)
        {
            text.WriteLine($"  AMQPS    {listening.Amqps}");
        }

        if (listening.Console is not null)
        {
            text.WriteLine($"  Console  http://{listening.Console}  (/health/live, /health/ready; AMQP over WebSocket at ws://{listening.Console}/amqp)");
        }

        if (listening.SecureConsole is not null)
        {
            text.WriteLine($"  Secure   https://{listening.SecureConsole}  (the same over TLS; wss://{listening.SecureConsole}/amqp)");
        }

        text.WriteLine($"  Data     {dataDirectory}");
        text.WriteLine($"  Access   {Access(dataDirectory, allowsAnonymous, hasUsers)}");
        if (allowsAnonymous && listening.Amqp is not null)
        {
            text.WriteLine("  Try      npm install rhea");
            text.WriteLine($"           {FirstTry(listening.Amqp)}");
        }

        text.Write(string.Create(CultureInfo.InvariantCulture, $"Ready in {startup.TotalMilliseconds:F0} ms. Ctrl-C or SIGTERM stops it."));
        return text.ToString();
    }

    private static string Access(string dataDirectory, bool allowsAnonymous, bool hasUsers) => (allowsAnonymous, hasUsers) switch
    {
        (true, true) => "anonymous clients are allowed, from this machine only; users may also log in",
        (true, false) => $"anonymous clients are allowed, from this machine only; add users with: mamba-broker user add NAME --data {dataDirectory}",
        (false, true) => "users only",
        _ => $"nobody yet: add a user with: mamba-broker user add NAME --data {dataDirectory}",
    };

    private static string FirstTry(IPEndPoint amqp) =>
        "node -e \"c=require('rhea').connect({host:'" + amqp.Address + "',port:" + amqp.Port.ToString(CultureInfo.InvariantCulture)
        + "});c.open_receiver('hello');c.open_sender('hello').once('sendable',e=>e.sender.send({body:'Hello'}));"
        + "c.on('message',e=>{console.log(e.message.body);c.close()})\"";
}

/// <summary>The endpoints as they were bound, with real ports.</summary>
internal sealed record ListeningOn(IPEndPoint? Amqp, IPEndPoint? Amqps, IPEndPoint? Console, IPEndPoint? SecureConsole);
