using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Management;
using Microsoft.Extensions.Logging.Abstractions;

namespace Mamba.Broker.Server.Tests.Management;

/// <summary>Which operation of which entity a request reaches, with entities of the test's own.</summary>
[TestFixture]
internal sealed class ManagementNodeTests
{
    private const string Box = "test.box";

    private Boxes _boxes = null!;
    private ManagementNode _node = null!;

    [SetUp]
    public void MakeNode()
    {
        _boxes = new Boxes();
        _node = new ManagementNode(new EntityCatalog([new SelfEntities(), _boxes]), NullLogger.Instance);
    }

    [Test]
    public async Task An_entity_is_created_read_changed_and_deleted()
    {
        var created = await AskAsync(new() { { "operation", "CREATE" }, { "type", Box }, { "name", "one" } }, new AmqpMap { { "size", 3 } });
        Assert.That((created.Status, created.Description), Is.EqualTo((201, "Created")));
        Assert.That(created.Body, Is.EqualTo(new AmqpMap { { "name", "one" }, { "identity", "box/one" }, { "type", Box }, { "size", 3L } }));
        var changed = await AskAsync(new() { { "operation", "update" }, { "identity", "box/one" } }, new AmqpMap { { "size", 4 } });
        Assert.That(((AmqpMap)changed.Body!)["size"], Is.EqualTo(4L), "the operation's case does not matter");
        var read = await AskAsync(new() { { "operation", "READ" }, { "type", Box }, { "name", "one" } });
        Assert.That(read.Body, Is.EqualTo(changed.Body));
        var deleted = await AskAsync(new() { { "operation", "DELETE" }, { "identity", "box/one" } });
        Assert.That((deleted.Status, deleted.Body), Is.EqualTo((204, (object)new AmqpMap())));
        Assert.That((await AskAsync(new() { { "operation", "READ" }, { "identity", "box/one" } })).Status, Is.EqualTo(404));
    }

    [TestCase("", "", "", "", 400, "no application property 'operation'")]
    [TestCase("READ", "", "", "", 400, "'identity', or by 'type' and 'name'")]
    [TestCase("READ", Box, "", "", 400, "'identity', or by 'type' and 'name'")]
    [TestCase("READ", "", "one", "", 400, "'identity', or by 'type' and 'name'")]
    [TestCase("CREATE", "", "one", "", 400, "CREATE needs the application property 'type'")]
    [TestCase("CREATE", Box, "", "", 400, "CREATE needs the application property 'name'")]
    [TestCase("READ", "test.none", "one", "", 404, "GET-TYPES lists them")]
    [TestCase("READ", Box, "none", "", 404, "There is no test.box 'none'")]
    [TestCase("READ", "", "", "none/one", 404, "There is no entity 'none/one'")]
    [TestCase("READ", "org.amqp.management", "", "box/one", 404, "of the type org.amqp.management")]
    [TestCase("PURGE", Box, "one", "", 501, "test.box has no operation PURGE; it has CREATE, READ, UPDATE, DELETE")]
    [TestCase("FROB", Box, "one", "", 501, "no operation FROB")]
    [TestCase("CREATE", "org.amqp.management", "x", "", 501, "no operation CREATE")]
    [TestCase("QUERY", Box, "one", "", 501, "no operation QUERY")]
    [TestCase("QUERY", "", "other", "", 404, "whose name is 'self'")]
    [TestCase("DELETE", Box, "locked", "", 409, "in use")]
    [TestCase("DELETE", Box, "broken", "", 500, "see its log")]
    [TestCase("DELETE", Box, "gone", "", 404, "was here")]
    public async Task What_cannot_be_done_is_said_with_its_status(string operation, string type, string name, string identity, int status, string part)
    {
        foreach (var made in new[] { "one", "locked", "broken", "gone" })
        {
            _boxes.Sizes[made] = 1;
        }

        var response = await AskAsync(new() { { "operation", operation }, { "type", type }, { "name", name }, { "identity", identity } });
        Assert.That(response.Status, Is.EqualTo(status));
        Assert.That(response.Description, Does.Contain(part));
        Assert.That(response.Body, Is.Null);
    }

    [Test]
    public async Task Types_attributes_and_operations_are_told_for_all_types_or_for_one()
    {
        Assert.That(
            (await AskAsync(new() { { "operation", "GET-TYPES" } })).Body,
            Is.EqualTo(new AmqpMap { { "org.amqp.management", new List<object?>() }, { Box, new List<object?>() } }));
        Assert.That(
            (await AskAsync(new() { { "operation", "GET-ATTRIBUTES" }, { "entityType", Box }, { "type", "org.amqp.management" }, { "name", "self" } })).Body,
            Is.EqualTo(new AmqpMap { { Box, new List<object?> { "name", "identity", "type", "size" } } }));
        Assert.That(
            (await AskAsync(new() { { "operation", "GET-OPERATIONS" }, { "entityType", Box } })).Body,
            Is.EqualTo(new AmqpMap { { Box, new List<object?> { "CREATE", "READ", "UPDATE", "DELETE" } } }));
        Assert.That((await AskAsync(new() { { "operation", "GET-MGMT-NODES" } })).Body, Is.EqualTo(new List<object?>()));
        Assert.That((await AskAsync(new() { { "operation", "GET-TYPES" }, { "entityType", "x" } })).Status, Is.EqualTo(404));
        var self = await AskAsync(new() { { "operation", "READ" }, { "type", "org.amqp.management" }, { "name", "self" } });
        Assert.That(((AmqpMap)self.Body!)["name"], Is.EqualTo("self"));
    }

    [Test]
    public async Task A_query_pages_through_entities_in_the_order_of_their_names()
    {
        for (var i = 0; i < 25; i++)
        {
            _boxes.Sizes[$"b{i:00}"] = i;
        }

        var names = new List<object?> { "name", "size", "none" };
        var found = new List<object?>();
        for (var offset = 0; offset < 30; offset += 10)
        {
            var response = await AskAsync(
                new() { { "operation", "QUERY" }, { "entityType", Box }, { "offset", offset }, { "count", 10 } }, new AmqpMap { { "attributeNames", names } });
            var body = (AmqpMap)response.Body!;
            Assert.That(body["attributeNames"], Is.EqualTo(names));
            Assert.That(body["total"], Is.EqualTo(25L));
            found.AddRange((List<object?>)body["results"]!);
        }

        Assert.That(found, Is.EqualTo(Enumerable.Range(0, 25).Select(i => new List<object?> { $"b{i:00}", (long)i, null })));
        var beyond = await AskAsync(new() { { "operation", "QUERY" }, { "entityType", Box }, { "offset", 26 } });
        Assert.That(((AmqpMap)beyond.Body!)["results"], Is.Empty);
    }

    [Test]
    public async Task A_query_of_all_types_has_all_attributes_and_is_bounded()
    {
        for (var i = 0; i < EntityCatalog.MaxRows + 5; i++)
        {
            _boxes.Sizes[$"b{i}"] = i;
        }

        var body = (AmqpMap)(await AskAsync(new() { { "operation", "QUERY" } })).Body!;
        Assert.That(body["attributeNames"], Is.EqualTo(new List<object?> { "name", "identity", "type", "size" }));
        var results = (List<object?>)body["results"]!;
        Assert.That(results, Has.Count.EqualTo(EntityCatalog.MaxRows));
        Assert.That(results[0], Is.EqualTo(new List<object?> { "self", "org.amqp.management/self", "org.amqp.management", null }));
        Assert.That(body["total"], Is.EqualTo(EntityCatalog.MaxRows + 6L));
    }

    [Test]
    public async Task Attribute_names_may_be_an_array_or_a_text_and_nothing_else()
    {
        _boxes.Sizes["one"] = 1;
        foreach (var names in new object[] { "name, size, name", new[] { "name", "size" }, new Symbol[] { new("name"), new("size") } })
        {
            var response = await AskAsync(new() { { "operation", "QUERY" }, { "entityType", Box } }, new AmqpMap { { "attributeNames", names } });
            Assert.That(((AmqpMap)response.Body!)["results"], Is.EqualTo(new List<object?> { new List<object?> { "one", 1L } }));
        }

        foreach (var names in new object[] { 5, new List<object?> { 5 }, new AmqpMap { { "a", "b" } }, new List<object?>(Enumerable.Repeat("x", 200)) })
        {
            var response = await AskAsync(new() { { "operation", "QUERY" } }, new AmqpMap { { "attributeNames", names } });
            Assert.That((response.Status, response.Description), Is.EqualTo((400, response.Description)));
            Assert.That(response.Description, Does.Contain("attributeNames"));
        }
    }

    [Test]
    public async Task Requests_that_wait_for_something_leave_room_for_a_few_others()
    {
        _boxes.Sizes["slow"] = 1;
        var slow = AskAsync(new() { { "operation", "DELETE" }, { "identity", "box/slow" } });
        Assert.That((await AskAsync(new() { { "operation", "READ" }, { "identity", "box/slow" } })).Status, Is.EqualTo(200));
        Assert.That(slow.IsCompleted, Is.False);
        _boxes.Held.SetResult();
        Assert.That((await slow).Status, Is.EqualTo(204));
    }

    private async Task<ManagementResponse> AskAsync(AmqpMap properties, AmqpMap? body = null)
    {
        var message = new AmqpMessage { ApplicationProperties = properties, Body = body is null ? null : new ValueBody(body) };
        return await _node.ExecuteAsync(ManagementRequest.Decode(message.Encode()), caller: 1, access: null);
    }

    /// <summary>Entities with a size; some cannot be deleted, for reasons their names give.</summary>
    private sealed class Boxes() : EntityType(Box, "box")
    {
        public Dictionary<string, long> Sizes { get; } = new(StringComparer.Ordinal);

        public TaskCompletionSource Held { get; } = new();

        public override IReadOnlyList<string> Attributes => ["name", "identity", "type", "size"];

        public override IReadOnlyList<string> Operations => ["CREATE", "READ", "UPDATE", "DELETE"];

        public override IEnumerable<Entity> List() => Sizes.Keys.Select(name => new Entity(this, name, name));

        public override Entity? Find(string name) => Sizes.ContainsKey(name) ? new Entity(this, name, name) : null;

        public override Task<Entity> CreateAsync(string name, AttributeBody attributes)
        {
            Sizes[name] = attributes.Number("size") ?? 0;
            return Task.FromResult(new Entity(this, name, name));
        }

        public override Task UpdateAsync(Entity entity, AttributeBody attributes)
        {
            Sizes[entity.Name] = attributes.Number("size")!.Value;
            return Task.CompletedTask;
        }

        public override async Task DeleteAsync(Entity entity, AttributeBody conditions, long caller)
        {
            switch (entity.Name)
            {
                case "locked":
                    throw new EngineException(EngineError.ResourceLocked, "in use");
                case "gone":
                    throw new EngineException(EngineError.NotFound, "was here");
                case "broken":
                    throw new InvalidOperationException("a fault");
                case "slow":
                    await Held.Task;
                    break;
            }

            Sizes.Remove(entity.Name);
        }

        protected override void Describe(object handle, AmqpMap into) => into.Add("size", Sizes[(string)handle]);
    }
}
