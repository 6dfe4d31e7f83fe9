using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;

namespace Mamba.Amqp.Conformance.Adapters;

/// <summary>
/// RabbitMQ: makes queues by the HTTP API of its management plugin and deletes them at the end. Version 4 addresses them as
/// /queues/NAME, the rabbitmq_amqp1_0 plugin of version 3 as /amq/queue/NAME. Without the API (admin null) the plugin's
/// /queue/NAME is used, which makes a durable queue at the first attach, and nothing is deleted.
/// </summary>
public sealed class RabbitMqAdapter : IBrokerAdapter
{
    private readonly HttpClient? _admin;
    private readonly List<string> _made = [];
    private readonly SemaphoreSlim _versionGate = new(1);
    private int _major;

    /// <param name="admin">http://user:password@host:15672, or null.</param>
    public RabbitMqAdapter(Uri? admin)
    {
        if (admin is not null)
        {
            _admin = new HttpClient { Timeout = TimeSpan.FromSeconds(30), BaseAddress = new Uri(admin.GetLeftPart(UriPartial.Authority).Replace(admin.UserInfo + "@", "", StringComparison.Ordinal)) };
            var login = admin.UserInfo.Length > 0 ? Uri.UnescapeDataString(admin.UserInfo) : "guest:guest";
            _admin.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(login)));
        }
    }

    public string Name => "rabbitmq";

    public string? MissingAddress => _major >= 4 ? "/queues/conformance-missing" : "/amq/queue/conformance-missing";

    public async Task<string> QueueAsync(string name, CancellationToken cancel)
    {
        if (_admin is null)
        {
            return $"/queue/{name}";
        }

        var answer = await _admin.PutAsJsonAsync($"/api/queues/%2F/{Uri.EscapeDataString(name)}", new { durable = true, auto_delete = false }, cancel);
        answer.EnsureSuccessStatusCode();
        lock (_made)
        {
            _made.Add(name);
        }

        return await MajorAsync(cancel) >= 4 ? $"/queues/{Uri.EscapeDataString(name)}" : $"/amq/queue/{name}";
    }

    // A topic is a routing key on the topic exchange. Version 4 has no address that both sends to and receives from one.
    public async Task<string?> TopicAsync(string name, CancellationToken cancel) => await MajorAsync(cancel) >= 4 ? null : $"/topic/{name}";

    public async ValueTask DisposeAsync()
    {
        foreach (var name in _made)
        {
            await _admin!.DeleteAsync($"/api/queues/%2F/{Uri.EscapeDataString(name)}");
        }

        _admin?.Dispose();
        _versionGate.Dispose();
    }

    private async Task<int> MajorAsync(CancellationToken cancel)
    {
        if (_admin is null)
        {
            return 3;
        }

        await _versionGate.WaitAsync(cancel);
        try
        {
            if (_major == 0)
            {
                var overview = await _admin.GetFromJsonAsync<JsonObject>("/api/overview", cancel);
                _major = int.Parse(overview!["rabbitmq_version"]!.GetValue<string>().Split('.')[0]);
            }

            return _major;
        }
        finally
        {
            _versionGate.Release();
        }
    }
}
