"""SageMaker's hosting API, on top of moto's: what moto lacks or words otherwise than AWS."""
