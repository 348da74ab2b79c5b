"""A DMP for tests and the demo: registry, repository and patients, as strict as the standard.

It shares no encoder and no reader with the gateway. Read in this order:

    server -> service       sockets, misbehaviour -> which transaction(s), which answer
    judge_envelope          SOAP 1.2, WS-Addressing, MTOM (multipart)
    judge_vihf(_attributes) the assertion, its signature (xml_signature), its signer (certificates)
    provide                 ITI-41: judge_structure, judge_submission, judge_entry(_slots), and the
                            contents: judge_kos, judge_report, judge_signature
    stored_queries          ITI-18: query_parameters, entry_filters, visibility
    retrieve, update        ITI-43, ITI-57
    patient_query           TD0.2
    store, registrar        SQLite; how submitted objects become registered ones (registration)
    names, codes, document_kinds, transactions    the tables

A wrong message is answered with a fault, a wrong content with a RegistryResponse (refusals).
"""
