"""The ground floor: values, records, changes, events and ports that all wings share. It knows no protocol."""
