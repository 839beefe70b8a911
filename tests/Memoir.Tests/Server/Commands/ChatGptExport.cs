namespace Memoir.Tests.Server.Commands;

/// <summary>An export as ChatGPT writes it, cut to two conversations.</summary>
internal static class ChatGptExport
{
    public const string Json = """
        [{
          "title": "Trip to Lisbon", "create_time": 1735725600.5, "update_time": 1735725700.0, "moderation_results": [],
          "current_node": "a3", "conversation_id": "conv-1", "id": "conv-1", "default_model_slug": "gpt-4o", "plugin_ids": null,
          "mapping": {
            "root": {"id": "root", "message": null, "parent": null, "children": ["sys"]},
            "sys": {"id": "sys", "parent": "root", "children": ["ctx"], "message": {"id": "sys", "author": {"role": "system", "name": null, "metadata": {}},
              "create_time": null, "content": {"content_type": "text", "parts": [""]}, "status": "finished_successfully", "weight": 0.0,
              "metadata": {"is_visually_hidden_from_conversation": true}, "recipient": "all"}},
            "ctx": {"id": "ctx", "parent": "sys", "children": ["u1"], "message": {"id": "ctx", "author": {"role": "user", "name": null, "metadata": {}},
              "create_time": null, "content": {"content_type": "user_editable_context", "user_profile": "I like trains.", "user_instructions": "Be brief."},
              "status": "finished_successfully", "weight": 1.0, "metadata": {"is_user_system_message": true}, "recipient": "all"}},
            "u1": {"id": "u1", "parent": "ctx", "children": ["a1", "a1b"], "message": {"id": "u1", "author": {"role": "user", "name": null, "metadata": {}},
              "create_time": 1735725601.25, "content": {"content_type": "text", "parts": ["Which tram goes up to Alfama?"]},
              "status": "finished_successfully", "weight": 1.0, "metadata": {}, "recipient": "all"}},
            "a1b": {"id": "a1b", "parent": "u1", "children": [], "message": {"id": "a1b", "author": {"role": "assistant", "name": null, "metadata": {}},
              "create_time": 1735725602.0, "content": {"content_type": "text", "parts": ["An answer that was regenerated."]},
              "status": "finished_successfully", "weight": 1.0, "metadata": {"model_slug": "gpt-4o"}, "recipient": "all"}},
            "a1": {"id": "a1", "parent": "u1", "children": ["t1"], "message": {"id": "a1", "author": {"role": "assistant", "name": null, "metadata": {}},
              "create_time": 1735725603.0, "content": {"content_type": "code", "language": "unknown", "text": "search(\"tram alfama\")"},
              "status": "finished_successfully", "weight": 1.0, "metadata": {"model_slug": "gpt-4o"}, "recipient": "browser"}},
            "t1": {"id": "t1", "parent": "a1", "children": ["th"], "message": {"id": "t1", "author": {"role": "tool", "name": "browser", "metadata": {}},
              "create_time": 1735725604.0, "content": {"content_type": "tether_browsing_display", "result": "L0: Tram 28", "summary": null},
              "status": "finished_successfully", "weight": 0.0, "metadata": {}, "recipient": "all"}},
            "th": {"id": "th", "parent": "t1", "children": ["a2"], "message": {"id": "th", "author": {"role": "assistant", "name": null, "metadata": {}},
              "create_time": 1735725604.5, "content": {"content_type": "thoughts", "thoughts": [{"summary": "s", "content": "c"}]},
              "status": "finished_successfully", "weight": 1.0, "metadata": {}, "recipient": "all"}},
            "a2": {"id": "a2", "parent": "th", "children": ["u2"], "message": {"id": "a2", "author": {"role": "assistant", "name": null, "metadata": {}},
              "create_time": 1735725605.0, "content": {"content_type": "text", "parts": ["Tram 28 goes up to Alfama.", ""]},
              "status": "finished_successfully", "weight": 1.0, "metadata": {"model_slug": "gpt-4o", "finish_details": {"type": "stop"}}, "recipient": "all"}},
            "u2": {"id": "u2", "parent": "a2", "children": ["a3"], "message": {"id": "u2", "author": {"role": "user", "name": null, "metadata": {}},
              "create_time": 1735725606.0, "content": {"content_type": "multimodal_text", "parts": [
                {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-abc", "size_bytes": 90210, "width": 640, "height": 480, "metadata": null},
                {"content_type": "audio_transcription", "text": "Is this the stop?", "direction": "in"}, "It has a yellow sign."]},
              "status": "finished_successfully", "weight": 1.0, "metadata": {"attachments": [{"id": "file-abc", "name": "stop.jpg"}]}, "recipient": "all"}},
            "a3": {"id": "a3", "parent": "u2", "children": [], "message": {"id": "a3", "author": {"role": "assistant", "name": null, "metadata": {}},
              "create_time": null, "content": {"content_type": "text", "parts": ["Yes, wait there: 🚋 \"Martim Moniz\" [A]."]},
              "status": "finished_successfully", "weight": 1.0, "metadata": {"model_slug": "gpt-4o"}, "recipient": "all"}}
          }
        }, {
          "title": null, "create_time": 1735800000, "mapping": {
            "x": {"id": "x", "message": {"id": "x", "author": {"role": "user"}, "create_time": 1735800001, "content": {"content_type": "text", "parts": ["An old export."]}}, "parent": null, "children": ["y", "z"]},
            "y": {"id": "y", "message": {"id": "y", "author": {"role": "assistant"}, "create_time": 1735800002, "content": {"content_type": "text", "parts": ["First try."]}}, "parent": "x", "children": []},
            "z": {"id": "z", "message": {"id": "z", "author": {"role": "assistant"}, "create_time": 1735800003, "content": {"content_type": "text", "parts": ["Second try."]}}, "parent": "x", "children": []}
          }
        }]
        """;
}
